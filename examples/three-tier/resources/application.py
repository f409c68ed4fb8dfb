"""The guest book: counts visits in the database and says how many there were.

Talks to PostgreSQL through psql, so that nothing but Python's standard library is needed. Settings come from settings.json
beside this file; where it listens is written to ready.json once it does.
"""
import fcntl
import html
import http.server
import json
import os
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))


def load_settings():
    with open(os.path.join(HERE, 'settings.json')) as f:
        return json.load(f)


def query(settings, sql):
    """Runs a statement and returns its rows as lists of text."""
    environment = {
        'PATH': os.environ.get('PATH', ''), 'PGHOST': settings['address'], 'PGPORT': str(settings['port']),
        'PGUSER': settings['user'], 'PGPASSWORD': settings['password'], 'PGDATABASE': settings['database'],
        'PGCONNECT_TIMEOUT': '5',
    }
    result = subprocess.run(
        [settings['psql'], '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--field-separator=\t',
         '--set=ON_ERROR_STOP=1', '--set=instance=' + settings['instance'], '--file=-'],
        input=sql, env=environment, capture_output=True, text=True, timeout=20)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip())
    return [line.split('\t') for line in result.stdout.splitlines()]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        settings = load_settings()
        try:
            if self.path == '/health':
                query(settings, 'SELECT 1;')
                return self.answer(200, 'text/plain', 'ok\n')
            if self.path == '/visits':
                rows = query(settings, 'SELECT instance, count(*) FROM visits GROUP BY instance ORDER BY instance;')
                return self.answer(200, 'application/json', json.dumps({i: int(n) for i, n in rows}) + '\n')
            if self.path == '/':
                rows = query(settings, "INSERT INTO visits (instance) VALUES (:'instance') RETURNING id;")
                page = '<!DOCTYPE html>\n<title>{0}</title>\n<h1>{0}</h1>\n<p>You are visitor {1}, served by {2}.</p>\n'
                return self.answer(200, 'text/html; charset=utf-8', page.format(
                    html.escape(settings['title']), int(rows[0][0]), html.escape(settings['instance'])))
            self.answer(404, 'text/plain', 'not found\n')
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as e:
            self.answer(503, 'text/plain', '{0}\n'.format(e))

    def answer(self, status, content_type, text):
        body = text.encode('utf-8')
        self.send_response(status)
        self.send_header('Content-Type', content_type)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    lock = open(os.path.join(HERE, 'lock'), 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    ready = os.path.join(HERE, 'ready.json')
    if os.path.exists(ready):
        os.remove(ready)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    with open(ready + '.new', 'w') as f:
        json.dump({'pid': os.getpid(), 'port': server.server_address[1]}, f)
    os.replace(ready + '.new', ready)
    server.serve_forever(poll_interval=0.1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
