"""ctx: the operation's context, read from and written to the operation that
runs the script.

Runtime properties are read at first use and kept here; changes are sent by
update() and when the script ends. As everywhere, a change inside of a value is
not noticed: assign the value again.
"""

import base64

from reify_client import request


def inputs():
    """The inputs of the operation."""
    return request('begin')['inputs']


class _Object(object):
    """A part of the context: a path, and attributes read at first use."""

    def __init__(self, *path):
        self._path = path
        self._kept = {}

    def _call(self, name, *args, **kwargs):
        return request('call', self._path + (name,), args, kwargs)

    def _value(self, name):
        if name not in self._kept:
            self._kept[name] = self._call(name)
        return self._kept[name]

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        return self._value(name)


class ReadOnlyDict(dict):
    """Properties of a node."""

    def _refuse(self, *_, **__):
        from cloudify.exceptions import NonRecoverableError
        raise NonRecoverableError('Cannot override read only properties')

    __setitem__ = __delitem__ = update = clear = pop = popitem = _refuse
    setdefault = _refuse


class DirtyTrackingDict(dict):
    """A dictionary that knows that it was changed."""

    def __init__(self, *args, **kwargs):
        super(DirtyTrackingDict, self).__init__(*args, **kwargs)
        self.dirty = False

    def __setitem__(self, key, value):
        super(DirtyTrackingDict, self).__setitem__(key, value)
        self.dirty = True

    def __delitem__(self, key):
        super(DirtyTrackingDict, self).__delitem__(key)
        self.dirty = True

    def update(self, *args, **kwargs):
        super(DirtyTrackingDict, self).update(*args, **kwargs)
        self.dirty = True

    def clear(self):
        super(DirtyTrackingDict, self).clear()
        self.dirty = True

    def pop(self, key, default=None):
        self.dirty = True
        return super(DirtyTrackingDict, self).pop(key, default)

    def popitem(self):
        self.dirty = True
        return super(DirtyTrackingDict, self).popitem()

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]


class _Node(_Object):
    @property
    def properties(self):
        if 'properties' not in self._kept:
            self._kept['properties'] = ReadOnlyDict(
                request('properties', self._path + ('properties',)))
        return self._kept['properties']


class _Instance(_Object):
    @property
    def node(self):
        return _Node(*(self._path + ('node',)))

    @property
    def _properties_path(self):
        return self._path + ('runtime_properties',)

    @property
    def runtime_properties(self):
        if 'runtime_properties' not in self._kept:
            self._kept['runtime_properties'] = DirtyTrackingDict(
                request('properties', self._properties_path))
        return self._kept['runtime_properties']

    @runtime_properties.setter
    def runtime_properties(self, values):
        self.runtime_properties
        replacement = DirtyTrackingDict(values)
        replacement.dirty = True
        self._kept['runtime_properties'] = replacement

    @property
    def relationships(self):
        if 'relationships' not in self._kept:
            count = len(self._call('relationships'))
            self._kept['relationships'] = [
                _Relationship(*(self._path + ('relationships', str(i))))
                for i in range(count)]
        return self._kept['relationships']

    def flush(self):
        """Hand changed runtime properties to the operation."""
        properties = self._kept.get('runtime_properties')
        if properties is not None and properties.dirty:
            request('replace', self._properties_path, values=properties)
            properties.dirty = False

    def refresh(self, force=False):
        properties = self._kept.get('runtime_properties')
        if properties is not None and properties.dirty and not force:
            from cloudify.exceptions import NonRecoverableError
            raise NonRecoverableError(
                'Instance context dirty: call refresh with force to drop '
                'the changes')
        self._call('refresh', force=True)
        self._kept.clear()

    def update(self, on_conflict=None):
        from cloudify.exceptions import CloudifyClientError
        while True:
            if on_conflict is not None:
                local = dict(self.runtime_properties)
                self.refresh(force=True)
                merged = on_conflict(local, dict(self.runtime_properties))
                self.runtime_properties = local if merged is None else merged
            self.flush()
            try:
                self._call('update')
            except CloudifyClientError as e:
                if on_conflict is None or not str(e).startswith('409'):
                    raise
                continue
            self._kept.clear()
            return


class _Subject(_Object):
    @property
    def node(self):
        return self._kept.setdefault('node', _Node(*(self._path + ('node',))))

    @property
    def instance(self):
        return self._kept.setdefault(
            'instance', _Instance(*(self._path + ('instance',))))


class _Relationship(_Object):
    @property
    def target(self):
        return self._kept.setdefault(
            'target', _Subject(*(self._path + ('target',))))


class _Operation(_Object):
    RETRY_OPERATION = object()

    def retry(self, message=None, retry_after=None):
        self._call('retry', message, retry_after)
        return self.RETRY_OPERATION


class _Plugin(str):
    """The name of the plugin, with attributes."""

    def __new__(cls):
        plugin = str.__new__(cls, request('call', ('plugin', 'name')) or '')
        plugin._remote = _Object('plugin')
        return plugin

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        return self._remote._value(name)

    @property
    def properties(self):
        return ReadOnlyDict(request('properties', ('plugin', 'properties')))


class _Capabilities(_Object):
    def __getitem__(self, key):
        return self._call('get', key)

    def __contains__(self, key):
        return any(key in values for values in self.get_all().values())

    def get_all(self):
        return self._call('get_all')


def _logger():
    import logging

    class Handler(logging.Handler):
        def emit(self, record):
            level = record.levelname.lower()
            if level not in ('debug', 'info', 'warning', 'error', 'critical'):
                level = 'info'
            try:
                request('call', ('logger', level), [self.format(record)])
            except Exception:
                self.handleError(record)

    logger = logging.Logger('ctx', logging.DEBUG)
    logger.addHandler(Handler())
    return logger


class _Context(_Object):
    """ctx."""

    def _part(self, name, make):
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def _of_kind(self, name, make):
        if name not in self._kept:
            # Asks for the part, so that a wrong kind of context is an error.
            self._call(name)
        return self._part(name, make)

    @property
    def node(self):
        return self._of_kind('node', lambda: _Node('node'))

    @property
    def instance(self):
        return self._of_kind('instance', lambda: _Instance('instance'))

    @property
    def source(self):
        return self._of_kind('source', lambda: _Subject('source'))

    @property
    def target(self):
        return self._of_kind('target', lambda: _Subject('target'))

    @property
    def blueprint(self):
        return self._part('blueprint', lambda: _Object('blueprint'))

    @property
    def deployment(self):
        return self._part('deployment', lambda: _Object('deployment'))

    @property
    def operation(self):
        return self._part('operation', lambda: _Operation('operation'))

    @property
    def plugin(self):
        return self._part('plugin', _Plugin)

    @property
    def capabilities(self):
        return self._part('capabilities', lambda: _Capabilities('capabilities'))

    @property
    def logger(self):
        return self._part('logger', _logger)

    def returns(self, value):
        self._call('returns', value)

    def abort_operation(self, message=None):
        self._call('abort_operation', message)

    def retry_operation(self, message=None, retry_after=None):
        self._call('retry_operation', message, retry_after)

    def send_event(self, event):
        self._call('send_event', event)

    def get_execution(self, execution_id=None):
        return self._call('get_execution', execution_id)

    def get_config(self, name=None, scope=None):
        return self._call('get_config', name, scope)

    def get_resource(self, resource_path):
        return base64.b64decode(request('resource', args=[resource_path]))

    def get_resource_and_render(self, resource_path, template_variables=None):
        return base64.b64decode(request(
            'resource',
            args=[resource_path, template_variables or {}])).decode('utf-8')

    def download_resource(self, resource_path, target_path=None):
        return self._call('download_resource', resource_path, target_path)

    def download_resource_and_render(
            self, resource_path, target_path=None, template_variables=None):
        return self._call('download_resource_and_render', resource_path,
                          target_path, template_variables or {})

    def flush(self):
        """Hand everything that was changed to the operation."""
        for name in ('instance', 'source', 'target'):
            part = self._kept.get(name)
            if part is None:
                continue
            if name != 'instance':
                part = part.instance
            part.flush()


ctx = _Context()
