"""The connection of a Python script to the operation that runs it.

One request is one HTTP/1.0 exchange on the loopback interface. Only sockets and
JSON are used, because importing an HTTP library costs more than the exchange.
"""

import json
import os
import socket

URL_VARIABLE = 'CTX_SOCKET_URL'


def _exception(kind, message):
    import builtins

    from cloudify import exceptions
    found = getattr(exceptions, kind, None) or getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return found(message)
    return RuntimeError('{0}: {1}'.format(kind, message))


def request(verb, path=(), args=(), kwargs=None, **more):
    """Send one request and return its answer, or raise its error."""
    body = dict(more, verb=verb, path=list(path), args=list(args),
                kwargs=dict(kwargs or {}))
    answer = _exchange(json.dumps(body).encode('utf-8'))
    payload = answer.get('payload')
    if answer.get('type') == 'error':
        raise _exception(payload['type'], payload['message'])
    return payload


def _exchange(body):
    address = os.environ[URL_VARIABLE].split('://', 1)[1]
    host, path = address.split('/', 1)
    name, port = host.rsplit(':', 1)
    head = ('POST /{0}/python HTTP/1.0\r\nHost: {1}\r\n'
            'Content-Type: application/json\r\nContent-Length: {2}\r\n\r\n')
    connection = socket.create_connection((name, int(port)))
    try:
        connection.sendall(
            head.format(path, host, len(body)).encode('ascii') + body)
        parts = []
        while True:
            part = connection.recv(65536)
            if not part:
                break
            parts.append(part)
    finally:
        connection.close()
    header, _, content = b''.join(parts).partition(b'\r\n\r\n')
    if b' 200 ' not in header.split(b'\r\n', 1)[0] + b' ':
        raise RuntimeError('the operation refused a request: {0}'.format(
            content.decode('utf-8', 'replace')))
    return json.loads(content.decode('utf-8'))
