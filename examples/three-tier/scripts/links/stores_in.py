"""Tells an application (source) where its database (target) is and how to be let in."""
from cloudify import ctx

database = ctx.target.instance.runtime_properties
ctx.source.instance.runtime_properties['database'] = {
    key: database[key] for key in ('address', 'port', 'user', 'password', 'database', 'psql')
}
