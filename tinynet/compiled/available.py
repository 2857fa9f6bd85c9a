"""Whether Numba is there: all of tinynet but `compile` does without it."""

from functools import cache


@cache
def numba_error() -> str:
    """Why Numba cannot be imported, in Python's words; "" if it can."""
    try:
        import numba  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: LLVM's library cannot be loaded
        return str(error)
    return ""
