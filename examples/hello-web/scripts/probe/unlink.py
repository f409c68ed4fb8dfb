"""Forgets what the probe (source) knew of the web server (target)."""
from cloudify import ctx

for key in ('address', 'port', 'url', 'status', 'page_checksum'):
    ctx.source.instance.runtime_properties.pop(key, None)
ctx.target.instance.runtime_properties.pop('probed_by', None)
