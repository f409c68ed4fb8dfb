"""A reverse proxy for machines without nginx: passes each request to the next application in turn.

Which applications there are is read from upstreams.json for each request, so that it may change at any time.
"""
import fcntl
import http.server
import itertools
import json
import os
import signal
import sys
import threading
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def main(port):
    lock = open(os.path.join(HERE, 'lock'), 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    ready = os.path.join(HERE, 'ready.json')
    if os.path.exists(ready):
        os.remove(ready)
    turn = itertools.count()

    def upstream():
        with open(os.path.join(HERE, 'upstreams.json')) as f:
            addresses = json.load(f)
        if not addresses:
            raise OSError('no application')
        return addresses[next(turn) % len(addresses)]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                with urllib.request.urlopen('http://{0}{1}'.format(upstream(), self.path), timeout=30) as r:
                    self.answer(r.status, r.headers.get('Content-Type', 'text/plain'), r.read())
            except urllib.error.HTTPError as e:
                self.answer(e.code, e.headers.get('Content-Type', 'text/plain'), e.read())
            except OSError as e:
                self.answer(502, 'text/plain', '{0}\n'.format(e).encode('utf-8'))

        def answer(self, status, content_type, body):
            self.send_response(status)
            self.send_header('Content-Type', content_type)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(('127.0.0.1', int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    with open(ready + '.new', 'w') as f:
        json.dump({'pid': os.getpid(), 'port': server.server_address[1]}, f)
    os.replace(ready + '.new', ready)
    server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
