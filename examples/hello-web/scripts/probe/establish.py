"""Fetches the page of the web server (target) and keeps what came on the probe (source)."""
import hashlib
import urllib.request

from cloudify import ctx
from cloudify.exceptions import RecoverableError
from cloudify.state import ctx_parameters as inputs

url = inputs['url']
with urllib.request.urlopen(url, timeout=10) as answer:
    status, page = answer.status, answer.read()
checksum = hashlib.sha256(page).hexdigest()
if checksum != inputs['expected_checksum']:
    raise RecoverableError('the page at {0} is not the one that was written'.format(url))

ctx.source.instance.runtime_properties.update({
    'address': ctx.target.instance.runtime_properties['address'],
    'port': ctx.target.instance.runtime_properties['port'],
    'url': url,
    'status': status,
    'page_checksum': checksum,
})
ctx.target.instance.runtime_properties['probed_by'] = ctx.source.instance.id
ctx.logger.info('{0} answered {1} with {2} bytes'.format(url, status, len(page)))
