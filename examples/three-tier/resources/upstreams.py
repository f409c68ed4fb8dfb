"""Writes down which applications a proxy forwards to, in the forms that both proxies read, and tells a running nginx.

Arguments: the directory of the proxy, and a JSON object of addresses by node instance.
"""
import json
import os
import signal
import sys


def main(directory, upstreams):
    addresses = sorted(json.loads(upstreams or '{}').values())
    replace(os.path.join(directory, 'upstreams.json'), json.dumps(addresses))
    # nginx refuses an empty list, which there is for a moment when everything is taken down.
    lines = ['server {0};\n'.format(a) for a in addresses] or ['server 127.0.0.1:9 down;\n']
    replace(os.path.join(directory, 'servers.conf'), ''.join(lines))
    reload_nginx(directory)


def replace(path, text):
    with open(path + '.new', 'w') as f:
        f.write(text)
    os.replace(path + '.new', path)


def reload_nginx(directory):
    try:
        with open(os.path.join(directory, 'nginx.pid')) as f:
            pid = int(f.read())
        with open('/proc/{0}/cmdline'.format(pid), 'rb') as f:
            is_ours = directory.encode() in f.read()
        if is_ours:
            os.kill(pid, signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        pass


if __name__ == '__main__':
    main(*sys.argv[1:])
