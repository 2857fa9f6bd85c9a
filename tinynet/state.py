"""What a network holds, put back as it was: after a look at it, a test, or an error."""

from contextlib import contextmanager

from .passes import here


@contextmanager
def preserved(layer):
    """Whatever happens inside, all that a layer or network holds is as before afterwards.

    Yields a function that gives the buffers (running statistics) their values back at once.
    """
    parts = [part for _, part in layer.named_layers()]
    attributes = [(part, dict(vars(part))) for part in parts]
    parameters = [(p, p.data, p.grad) for p in layer.parameters()]
    put_buffers_back = _buffers(parts)
    try:
        yield put_buffers_back
    finally:
        for p, data, grad in parameters:
            p.data, p.grad = data, grad
        for part, before in attributes:
            vars(part).clear()
            vars(part).update(before)
        put_buffers_back()


@contextmanager
def evaluating():
    """Within a with statement all layers are in evaluation mode, as this thread sees them.

    Nothing about the layers is changed: other threads see them in their own mode, and a backward
    after it belongs to the forward before it.
    """
    outer, here.kept = here.kept, {}
    try:
        yield
    finally:
        here.kept = outer


@contextmanager
def undone_on_error(parts):
    """Give the buffers of layers their values back, if what happens inside ends in an error."""
    put_buffers_back = _buffers(parts)
    try:
        yield
    except BaseException:
        put_buffers_back()
        raise


def _buffers(parts):
    """A function that puts the buffers of layers back to what they are now."""
    buffers = [(part, name, buffer) for part in parts for name, buffer in part.own_buffers()]
    values = [buffer.copy() for _, _, buffer in buffers]

    def put_back():
        for (part, name, buffer), value in zip(buffers, values, strict=True):
            buffer[...] = value  # forward may have written into the array …
            setattr(part, name, buffer)  # … or put another in its place

    return put_back
