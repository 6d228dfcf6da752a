"""What both judges share: named checks, and one line per verdict. Exit status 1 when a check failed."""

import sys
import traceback

_CHECKS = []


def check(function):
    """Registers a check; its docstring is its name."""
    _CHECKS.append(function)
    return function


def same(actual, expected, what=""):
    """Fails when two values differ."""
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} is not {expected!r}")


def refused(call, error):
    """The error of the given class that `call` must raise."""
    try:
        result = call()
        list(result) if hasattr(result, "__iter__") else None
    except error as raised:
        return raised
    raise AssertionError(f"no {error.__name__} was raised")


def judge(**context):
    """Runs every check and exits."""
    failures = 0
    for function in _CHECKS:
        try:
            function(**context)
            print(f"ok      {function.__doc__}", flush=True)
        except Exception:
            failures += 1
            print(f"FAILED  {function.__doc__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(_CHECKS) - failures} of {len(_CHECKS)} checks passed", flush=True)
    sys.exit(1 if failures else 0)
