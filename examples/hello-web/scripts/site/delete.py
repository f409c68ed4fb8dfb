"""Removes the directory of the site and everything in it."""
import shutil

from cloudify import ctx

directory = ctx.instance.runtime_properties.get('directory')
if directory:
    try:
        shutil.rmtree(directory)
        ctx.logger.info('Removed {0}'.format(directory))
    except FileNotFoundError:
        ctx.logger.info('{0} is gone already'.format(directory))
