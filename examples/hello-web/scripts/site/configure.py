"""Writes the page of the site from its template and the node's properties."""
import hashlib
import html
import os
import string

from cloudify import ctx
from cloudify.state import ctx_parameters as inputs

public = ctx.instance.runtime_properties['public']
os.makedirs(public, exist_ok=True)

template = ctx.get_resource('resources/index.html')
if isinstance(template, bytes):
    template = template.decode('utf-8')
page = string.Template(template).substitute(
    title=html.escape(inputs['title']),
    greeting=html.escape(ctx.node.properties['greeting']),
    colour=html.escape(ctx.node.properties['colour']),
    deployment=html.escape(ctx.deployment.id),
    blueprint=html.escape(ctx.blueprint.id),
).encode('utf-8')

# Replaced as a whole: a page that is being served is never half a page.
temporary = os.path.join(public, '.index.html.new')
with open(temporary, 'wb') as f:
    f.write(page)
os.replace(temporary, os.path.join(public, 'index.html'))

ctx.instance.runtime_properties['page_checksum'] = hashlib.sha256(page).hexdigest()
ctx.logger.info('Wrote a page of {0} bytes'.format(len(page)))
