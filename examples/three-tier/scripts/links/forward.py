"""Adds an application (target) to those that the proxy (source) forwards to, or removes it (input action).

With several applications this runs once for each, at the same time: each run puts its change on top of what is there by
then. A proxy that runs already, as when applications are scaled, takes the change up at once.
"""
import fcntl
import json
import os
import subprocess

from cloudify import ctx
from cloudify.state import ctx_parameters as inputs

application = ctx.target.instance.id


def change(_, latest):
    upstreams = dict(latest.get('upstreams') or {})
    if inputs['action'] == 'remove':
        upstreams.pop(application, None)
    else:
        upstreams[application] = '{0}:{1}'.format(inputs['address'], inputs['port'])
    return dict(latest, upstreams=upstreams)


ctx.source.instance.update(on_conflict=change)

directory = ctx.source.instance.runtime_properties.get('directory')
if directory and os.path.exists(os.path.join(directory, 'ready.json')):
    program = ctx.download_resource('resources/upstreams.py')
    with open(os.path.join(directory, 'upstreams.lock'), 'w') as lock:
        # Read again under the lock: the last to write has seen the changes of all.
        fcntl.flock(lock, fcntl.LOCK_EX)
        ctx.source.instance.refresh(force=True)
        upstreams = dict(ctx.source.instance.runtime_properties.get('upstreams') or {})
        subprocess.check_call(['python3', program, directory, json.dumps(upstreams)])
    ctx.logger.info('The proxy forwards to {0}'.format(', '.join(sorted(upstreams.values())) or 'nobody'))
