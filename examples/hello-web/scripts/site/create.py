"""Makes the directory of the site. Its name holds the id of the node instance, so that running this again finds it."""
import os
import stat

from cloudify import ctx
from cloudify.exceptions import NonRecoverableError

directory = os.path.join(
    ctx.node.properties['base_directory'],
    'reify-{0}-{1}'.format(ctx.deployment.id, ctx.instance.id))

try:
    os.mkdir(directory, 0o700)
    ctx.logger.info('Made directory {0}'.format(directory))
except FileExistsError:
    # The base directory may be writable for everybody: what stands there under our name must also be ours.
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise NonRecoverableError('{0} exists and is not ours'.format(directory))

ctx.instance.runtime_properties['directory'] = directory
ctx.instance.runtime_properties['public'] = os.path.join(directory, 'public')
