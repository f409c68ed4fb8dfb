"""Serves one directory over HTTP until it is told to stop.

At most one such server runs per state directory: it holds a lock there for as long as it lives, and a second one ends at
once without harm. What it listens on is written to server.json when it is ready and removed when it ends.
"""
import fcntl
import functools
import http.server
import json
import os
import signal
import sys
import threading


def main(directory, state, address, port):
    lock = open(os.path.join(state, 'lock'), 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    ready = os.path.join(state, 'server.json')
    remove(ready)

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
    server = http.server.ThreadingHTTPServer((address, int(port)), handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())

    temporary = ready + '.new'
    with open(temporary, 'w') as f:
        json.dump({'pid': os.getpid(), 'port': server.server_address[1]}, f)
    os.replace(temporary, ready)
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        remove(ready)
    return 0


def remove(path):
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
