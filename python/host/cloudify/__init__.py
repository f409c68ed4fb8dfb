"""What scripts import: `from cloudify import ctx`."""

from cloudify.context import ctx  # noqa: F401
