"""Tells the proxy (source) about one application (target). With several applications this runs once for each."""
from cloudify import ctx

application = ctx.target.instance.runtime_properties
upstreams = dict(ctx.source.instance.runtime_properties.get('upstreams') or {})
upstreams[ctx.target.instance.id] = '{0}:{1}'.format(application['address'], application['port'])
# Assigned as a whole: a change inside of a runtime property is not noticed.
ctx.source.instance.runtime_properties['upstreams'] = upstreams
