"""What a network holds, put back as it was: after a look at it, a test, or an error."""

from contextlib import contextmanager


@contextmanager
def preserved(layer):
    """Whatever happens inside, all that a layer or network holds is as before afterwards.

    Yields a function that gives the buffers (running statistics) their values back at once.
    """
    parts = [part for _, part in layer.named_layers()]
    attributes = [(part, dict(vars(part))) for part in parts]
    parameters = [(p, p.data, p.grad) for p in layer.parameters()]
    buffers = [(part, name, getattr(part, name)) for part in parts for name in part.buffer_names]
    values = [buffer.copy() for _, _, buffer in buffers]

    def put_buffers_back():
        for (part, name, buffer), value in zip(buffers, values, strict=True):
            buffer[...] = value  # forward may have written into the array …
            setattr(part, name, buffer)  # … or put another in its place

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
def evaluating(model):
    """Within a with statement the model is in evaluation mode; then each layer is as it was."""
    modes = [(layer, layer.training) for _, layer in model.named_layers()]
    model.eval()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
