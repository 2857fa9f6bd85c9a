"""A mask."""


def forward(x, uniform, p, training):
    return x * mask(uniform, p, training).astype(x.dtype)


def backward(dy, uniform, p, training):
    return dy * mask(uniform, p, training).astype(dy.dtype)


def mask(uniform, p, training):
    return (uniform >= p) / (1 - p) if training else uniform * 0 + 1
