"""Decorators of operations; in a script they change nothing."""


def operation(func=None, resumable=False, **_):
    """Mark a function as an operation."""
    if func is None:
        return lambda f: operation(f, resumable=resumable)
    func.resumable = resumable
    return func


task = operation
