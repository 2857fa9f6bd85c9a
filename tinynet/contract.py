"""The contract of a layer, held against what layers do: mostly readers' own.

Numba's kernels believe what they are given, and a plain layer nearly so: an answer of another dtype
or shape would be computed with, and give a wrong number, or an error far from its cause. So a
network looks at each answer where the next layer takes it. Our own layers are known to be right.
"""

import numpy as np

from .passes import here

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
OWN = {}  # the types of tinynet/layers, which have no parts: their forward and backward
CHAINS = set()  # Sequential and its like, which look at their layers' answers themselves


def check_array(x, who):
    """TypeError that names `who` unless x is an array of floats."""
    if not isinstance(x, np.ndarray) or isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{who}: expected a NumPy array, got {type(x).__name__}")
    if x.dtype not in FLOATS:
        raise TypeError(f"{who}: expected float32 or float64, got {x.dtype}")


def check_dy(dy, shape, dtype, layer):
    if not isinstance(dy, np.ndarray) or dy.shape != shape:
        raise ValueError(
            f"{layer}: backward expected dy of shape {shape}, as its forward gave, "
            f"got {getattr(dy, 'shape', type(dy).__name__)}"
        )
    if dy.dtype != dtype:
        raise TypeError(
            f"{layer}: backward expected dy of dtype {dtype}, as its forward gave, got {dy.dtype}"
        )


def read_only(array):
    """The same array as layers are given it: what they must not write to."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view


def is_own(layer):
    """One of our layers, as we wrote it: forward and backward not replaced, as a lesson might."""
    kind, own = type(layer), vars(layer)
    if "forward" in own or "backward" in own:
        return False
    return OWN.get(kind) == (kind.forward, kind.backward)


def checked_forward(layer, x, is_last):
    """layer.forward(x), if the next layer can take it; of the last, if it is an array at all."""
    if is_own(layer) or type(layer) in CHAINS:
        return layer.forward(x)
    y = guarded_forward(layer, read_only(x))
    expected = f"{layer}: expected forward to return"
    if not isinstance(y, np.ndarray) or isinstance(y, np.ma.MaskedArray):
        raise TypeError(f"{expected} a NumPy array, got {type(y).__name__}")
    if not is_last:
        if y.dtype != x.dtype:
            raise TypeError(f"{expected} {x.dtype}, as x is, got {y.dtype}")
        if y.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"{expected} as many images as x has, {len(x)}, got an array of shape {y.shape}"
            )
    return y.view(np.ndarray)


def checked_backward(layer, dy, shape, dtype):
    """layer.backward(dy), if it is a dx of this shape and dtype, its x's (None: unknown)."""
    if shape is None or is_own(layer) or type(layer) in CHAINS:
        return layer.backward(dy)
    dx = layer.backward(read_only(dy))
    expected = f"{layer}: backward expected to return dx"
    is_array = isinstance(dx, np.ndarray) and not isinstance(dx, np.ma.MaskedArray)
    if not is_array or dx.shape != shape:
        got = dx.shape if is_array else type(dx).__name__
        raise ValueError(f"{expected} of shape {shape}, as its x had, got {got}")
    if dx.dtype != dtype:
        raise TypeError(f"{expected} of dtype {dtype}, as its x had, got {dx.dtype}")
    return dx.view(np.ndarray)


def guarded_forward(layer, x):
    """forward of a reader's layer; what it uses has to be among its parts, from the beginning."""
    parts = [part for _, part in layer.named_layers()]
    parameters = {id(p) for part in parts for _, p in part.own_parameters()}
    check_known(layer)
    layer._passes += 1
    outer, here.known = here.known, {id(part) for part in parts}
    try:
        y = layer.forward(x)
    finally:
        here.known = outer
    new = [name for name, p in layer.named_parameters() if id(p) not in parameters]
    if new:
        raise TypeError(
            f"{layer}: expected its parameters to be there before forward, got a new one in it, "
            f"{new[0]}: make it in __init__, or it would miss training that has begun"
        )
    return y


def check_known(layer):
    """TypeError if a layer with something to train or to save is used, but not found."""
    if here.known is None or id(layer) in here.known:
        return
    for _, part in layer.named_layers():  # a Sequential made for the moment may hold known ones
        if id(part) not in here.known and (part.own_parameters() or part.own_buffers()):
            raise TypeError(
                f"{part}: is used inside a layer that does not hold it, so it would not be "
                "trained and saved; make it an attribute in __init__, or put it in a list or dict"
            )


def marks(layers):
    """What changes about layers, and those inside them, when another pass goes through them."""
    return [
        (part, part._passes, part._saved)
        for layer in layers
        for part in ([layer] if is_own(layer) else [part for _, part in layer.named_layers()])
    ]


def check_marks(marked, network):
    for part, passes, saved in marked:
        if part._passes != passes or (here.kept is None and part._saved is not saved):
            raise RuntimeError(
                f"{type(network).__name__}: backward expected its own forward to be the last pass "
                f"of its layers, but another came between, through {part}; call forward again"
            )
