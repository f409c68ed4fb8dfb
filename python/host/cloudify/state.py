"""The current context and its inputs."""

from cloudify.context import ctx  # noqa: F401
from cloudify.context import inputs as _inputs


class _Parameters(dict):
    """The inputs, also as attributes."""

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name, value):
        self[name] = value

    def __delattr__(self, name):
        del self[name]


ctx_parameters = _Parameters(_inputs())
