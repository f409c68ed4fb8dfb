"""Operations for the tests of how Python operations run."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

from cloudify import ctx
from cloudify.decorators import operation
from cloudify.exceptions import NonRecoverableError, RecoverableError
from cloudify.manager import get_rest_client
from cloudify.state import ctx_parameters
from cloudify.utils import exception_to_error_cause

not_callable = 1


@operation
def full(value, **_):
    ctx.logger.info('value %s', value)
    ctx.send_event('an event')
    ctx.instance.runtime_properties['value'] = value
    ctx.instance.runtime_properties['size'] = ctx.node.properties['size']
    ctx.instance.runtime_properties['rendered'] = ctx.get_resource_and_render('t.txt', {'x': 3}).decode('utf-8')
    path = ctx.download_resource('plain.txt')
    with open(path) as f:
        ctx.instance.runtime_properties['plain'] = f.read()
    os.remove(path)
    return {'node': ctx.node.id, 'input': ctx_parameters['value'], 'plugin': ctx.plugin.name, 'retry': ctx.operation.retry_number}


@operation
def retry(**_):
    ctx.instance.runtime_properties['asked'] = True
    return ctx.operation.retry('not yet', retry_after=7)


@operation
def final(**_):
    try:
        raise ValueError('cause')
    except ValueError as e:
        cause = exception_to_error_cause(e, sys.exc_info()[2])
    raise NonRecoverableError('no way', causes=[cause])


@operation
def recoverable(**_):
    raise RecoverableError('later', retry_after=3)


@operation
def wrong(**_):
    raise KeyError('k')


class Own(NonRecoverableError):
    pass


@operation
def own(**_):
    raise Own('mine')


@operation
def missing(**_):
    ctx.download_resource('not/there.txt')


@operation
def leave(**_):
    sys.exit(3)


@operation
def drop(**_):
    os._exit(5)


@operation
def crash(**_):
    os.kill(os.getpid(), signal.SIGSEGV)


@operation
def unserializable(**_):
    return {1, 2}


@operation
def link(**_):
    ctx.source.instance.runtime_properties['with'] = ctx.target.instance.id
    ctx.target.instance.runtime_properties['from'] = ctx.source.node.id
    return ctx.type


@operation
def around(**_):
    names = sorted(n for n in os.environ if n not in ('REIFY_WORKFLOW_CHANNEL', 'LC_CTYPE'))
    return {
        'env': {n: os.environ[n] for n in names}, 'threads': threading.active_count(), 'cwd': os.getcwd(), 'umask': os.umask(0o22),
        'stdin': sys.stdin.read(), 'path0': sys.path[0], 'group': os.getpgid(0) == os.getpid(), 'prefix': sys.prefix,
        'handlers': [str(signal.getsignal(s)) for s in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)],
        'fds': sorted(os.readlink('/proc/self/fd/' + n).split(':')[0] for n in os.listdir('/proc/self/fd') if int(n) < 40
                      and os.path.exists('/proc/self/fd/' + n)),
        'common': sys.modules['cloudify'].__file__,
    }


@operation
def lines(count, **_):
    for i in range(int(count)):
        ctx.logger.info('line %d', i)


@operation
def rest(**_):
    return get_rest_client().executions.get(ctx.execution_id, _include=['id', 'status'])['status']


@operation
def hang(file, **_):
    child = subprocess.Popen(['sleep', '1000'])
    with open(file + '.new', 'w') as f:
        json.dump([os.getpid(), child.pid, os.getppid()], f)
    os.rename(file + '.new', file)
    time.sleep(1000)


@operation
def thread(**_):
    t = threading.Thread(target=time.sleep, args=(0.2,))
    t.start()
    d = threading.Thread(target=time.sleep, args=(1000,))
    d.daemon = True
    d.start()
    return 'left'


@operation
def nothing(**_):
    pass
