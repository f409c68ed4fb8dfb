"""Runs one Python script as __main__ and reports how it ended.

Usage: reify_script.py SCRIPT. The outcome is the error object that the
dispatcher of operations makes, or nothing when the script succeeded.
"""

import os
import sys
import traceback
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from reify_client import request  # noqa: E402


def describe(error, script):
    """The error object of an exception."""
    from cloudify import exceptions as e
    known, args, kwargs, append = 'RecoverableError', [], {}, False
    if isinstance(error, e.HttpException):
        known, args, append = 'HttpException', [error.url, error.code], True
    elif isinstance(error, e.NonRecoverableError):
        known = 'NonRecoverableError'
    elif isinstance(error, e.OperationRetry):
        known, args = 'OperationRetry', [error.retry_after]
    elif isinstance(error, e.RecoverableError):
        args = [error.retry_after]
    elif isinstance(error, e.StopAgent):
        known = 'StopAgent'
    kwargs['causes'] = getattr(error, 'causes', None) or []
    return {
        'exception_type': type(error).__name__,
        'message': str(error),
        'known_exception_type': known,
        'known_exception_type_args': args,
        'known_exception_type_kwargs': kwargs,
        'append_message': append,
        'traceback': trace(error),
    }


def trace(error):
    """The traceback without the frames of this program."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [f for f in traceback.extract_tb(error.__traceback__)
              if not f[0].startswith(here)]
    lines = ['Traceback (most recent call last):\n']
    lines += traceback.format_list(frames)
    lines += traceback.format_exception_only(type(error), error)
    return ''.join(lines)


def execute(script):
    """Run the script and return its error object, None when it succeeded."""
    module = types.ModuleType('__main__')
    module.__file__ = script
    sys.modules['__main__'] = module
    sys.argv = [script]
    try:
        with open(script, 'rb') as f:
            code = compile(f.read(), script, 'exec')
        exec(code, module.__dict__)
    except SystemExit as e:
        # The reference fails an operation that calls sys.exit, whatever the
        # code; saying that all went well is taken at its word here.
        if e.code not in (None, 0):
            return describe(e, script)
    except BaseException as e:
        return describe(e, script)
    return None


def main():
    script = sys.argv[1]
    error = execute(script)
    from cloudify.context import ctx
    try:
        ctx.flush()
    except Exception as e:
        error = describe(e, script)
    if error is not None:
        sys.stderr.write(error['traceback'])
    request('finish', error=error)


if __name__ == '__main__':
    main()
