"""What a function keeps from call to call, or takes from another function: globals, attributes of
functions, values by default. An answer has none of it: it works with its arguments.
"""

import dis
import types

import numpy as np

HOLDS = (np.ndarray, dict, list, set)  # values that may be kept in a place


def kept(function):
    """The name of what it reads and somebody writes while the program runs, or None."""
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    written = written_globals(function.__globals__)
    reads = read(code)
    for name in reads:
        value = function.__globals__.get(name)
        if name in written or (isinstance(value, dict | list | set) and any_array(value)):
            return name
        if isinstance(value, types.FunctionType):
            if attribute := next((a for a in vars(value) if a in reads), None):
                return f"{name}.{attribute}"
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    if any(isinstance(value, HOLDS) for value in defaults):
        return "a value by default"
    return None


def read(code):
    """Names of the globals and attributes that code, and the functions inside it, read."""
    loads = "LOAD_GLOBAL", "LOAD_ATTR", "LOAD_NAME"
    found = [i.argval for i in dis.get_instructions(code) if i.opname in loads]
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return [*found, *(name for c in inner for name in read(c))]


def written_globals(namespace):
    """Names that functions of a file declare global and write."""
    functions = [f for f in namespace.values() if isinstance(f, types.FunctionType)]
    return {
        instruction.argval
        for f in functions
        if f.__globals__ is namespace
        for instruction in dis.get_instructions(f.__code__)
        if instruction.opname == "STORE_GLOBAL"
    }


def any_array(values):
    values = values.values() if isinstance(values, dict) else values
    return any(isinstance(value, np.ndarray) for value in values)
