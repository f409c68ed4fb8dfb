"""Renders a Jinja2 template: {"template", "variables"} on standard input, and
{"text"} or {"error": {"type", "message"}} on standard output."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def render(given):
    try:
        import jinja2
    except ImportError:
        return {'error': {
            'type': 'NonRecoverableError',
            'message': 'template needs Jinja2, which the python3 of the '
                       'machine that runs the operation does not have'}}
    from cloudify import ctx
    variables = dict(given['variables'] or {}, ctx=ctx)
    try:
        return {'text': jinja2.Template(given['template']).render(variables)}
    except Exception as e:
        return {'error': {'type': type(e).__name__, 'message': str(e)}}


if __name__ == '__main__':
    answer = render(json.loads(sys.stdin.buffer.read().decode('utf-8')))
    sys.stdout.write(json.dumps(answer))
