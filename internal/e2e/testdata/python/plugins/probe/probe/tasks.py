import os
import time

from cloudify import ctx
from cloudify.decorators import operation
from cloudify.exceptions import NonRecoverableError


def write(dir, what):
    with open(os.path.join(dir, 'journal'), 'a') as f:
        f.write(what + '\n')


@operation(resumable=True)
def note(dir, value=None, **_):
    ctx.instance.runtime_properties['size'] = ctx.node.properties['size']
    ctx.logger.info('created with %s', value)
    write(dir, 'create ' + ctx.node.id)
    return {'value': value}


@operation(resumable=True)
def patient(dir, **_):
    """Waits for the file go."""
    write(dir, 'begin ' + ctx.node.id)
    while not os.path.exists(os.path.join(dir, 'go')):
        time.sleep(0.05)
    write(dir, 'end ' + ctx.node.id)


@operation
def needy(dir, **_):
    """Fails for good without the file go."""
    if not os.path.exists(os.path.join(dir, 'go')):
        raise NonRecoverableError('go is missing')
    write(dir, 'stop ' + ctx.node.id)


@operation(resumable=True)
def link(**_):
    ctx.source.instance.runtime_properties['linked'] = ctx.target.node.id
    ctx.target.instance.runtime_properties['linked'] = ctx.source.node.id
