"""The seam between layers and kernels: a stage stands for one or more layers in a row.

`forward(x)` and `backward(dy, dx)` do what the layers do, with the layers' own parameters and
buffers, in arrays that are kept and used again. What forward returns stands until the next
forward. backward writes into the dx it is given, if that is not None, and sets the gradients.
`layer` is the first of them; a stage is handed what has passed its check, in C order.

PATTERNS says which stage stands for which layers; to fuse more layers, add a stage and a line.
"""

import numpy as np

from ..layers import AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, ReLU
from .batchnorm import batch_statistics, batchnorm_dx, batchnorm_sums, normalise
from .conv import ROWS, conv_backward, conv_forward
from .conv import plan as conv_plan
from .pool import avgpool_backward, avgpool_forward, maxpool_backward, maxpool_forward
from .relu import relu_backward, relu_forward
from .threads import chunk_count, chunk_size, run

APART = 64  # elements between what two threads write: in one cache line they would wait in turn


class Scratch:
    """Arrays by name, allocated once and used again: also for the smaller last batch."""

    def __init__(self):
        self.arrays = {}

    def __call__(self, name, shape, dtype):
        """An array of this shape and dtype, with whatever was left in it."""
        size = int(np.prod(shape))
        array = self.arrays.get(name)
        if array is None or array.dtype != dtype or array.size < size:
            array = self.arrays[name] = np.empty(size, dtype)
        return array[:size].reshape(shape)


class ConvStage:
    """Conv2d, or Conv2d and ReLU."""

    def __init__(self, threads, conv, relu=None):
        self.layer = self.conv = conv
        self.threads, self.relu = threads, relu is not None
        self.scratch = Scratch()
        self.plan_of = None

    def forward(self, x):  # x: (n, c, h, w)
        plan, weight = self.prepare(x), self.conv.weight.data
        g = plan.geometry
        bias = np.zeros(-(-g.out_channels // ROWS) * ROWS, x.dtype)
        if self.conv.bias is not None:
            bias[: g.out_channels] = fitting(self.conv.bias, (g.out_channels,), self.conv)
        shape = (g.out_channels, g.in_channels, *self.conv.kernel_size)
        weight = fitting(self.conv.weight, shape, self.conv)
        self.weight = np.append(weight.ravel(), 0).astype(x.dtype)  # with the plan's extra zero
        y = self.scratch("y", (len(x), g.out_channels, g.oh, g.ow), x.dtype)
        run(
            conv_forward, len(x), self.threads,
            flat(x), self.weight[plan.order], bias, plan.offsets, g, self.relu,
            self.frames, self.outs, flat(y),
        )  # fmt: skip
        self.x, self.y = flat(x), flat(y)
        return y

    def backward(self, dy, dx):
        plan, dtype = self.plan, dy.dtype
        g, chunks = plan.geometry, chunk_count(len(dy))
        rows = -(-g.out_channels // ROWS) * ROWS
        dweight = np.zeros((chunks, rows, g.taps), dtype)
        dbias = np.zeros((chunks, g.out_channels), dtype)
        no_bias = np.zeros(-(-g.in_channels // ROWS) * ROWS, dtype)
        run(
            conv_backward, len(dy), self.threads,
            self.x, self.y, flat(dy), self.weight[plan.dx_order], plan.dx_offsets, plan.dx_starts,
            plan.wgrad_offsets, no_bias, g, self.relu, dx is not None,
            self.frames, self.dy_frames, self.outs, self.sums,
            dweight, dbias, self.x if dx is None else flat(dx),
        )  # fmt: skip
        weight, bias = self.conv.weight, self.conv.bias
        taps = weight.data[0].size
        dweight = dweight.sum(axis=0)[: g.out_channels, :taps]
        weight.grad = dweight.reshape(weight.data.shape).astype(weight.data.dtype, copy=False)
        if bias is not None:
            bias.grad = dbias.sum(axis=0).astype(bias.data.dtype, copy=False)

    def prepare(self, x):
        """The plan for images as in x, and zeroed frames for each thread."""
        key = (x.shape[1:], x.dtype)
        if self.plan_of != key:
            conv = self.conv
            self.plan = plan = conv_plan(
                x.shape[1:], conv.out_channels, conv.kernel_size, conv.stride, conv.padding, x.dtype
            )
            self.frames = np.zeros((self.threads, plan.frame_size), x.dtype)
            self.dy_frames = np.zeros((self.threads, plan.dy_frame_size), x.dtype)
            self.outs = np.empty((self.threads, plan.out_size), x.dtype)
            self.sums = np.empty((self.threads, plan.sums_size), x.dtype)
            self.plan_of = key
        return self.plan


class BatchNormStage:
    """BatchNorm2d."""

    def __init__(self, threads, norm):
        self.layer = self.norm = norm
        self.threads = threads
        self.scratch = Scratch()

    def forward(self, x):  # x: (n, c, h, w)
        norm, (n, c, h, w) = self.norm, x.shape
        x_flat = x.reshape(n, c, h * w)
        weight, bias = fitting(norm.weight, (c,), norm), fitting(norm.bias, (c,), norm)
        self.trained = norm.training
        if norm.training:
            means, squares = np.zeros((2, chunk_count(n), c))
            run(batch_statistics, n, self.threads, x_flat, means, squares)
            mean, var = whole_batch(means, squares, n, h * w)
            norm.track(mean, var, m=n * h * w)
        else:
            mean, var = norm.running_mean.astype(float), norm.running_var.astype(float)
        std = np.sqrt(var + norm.eps)  # (c,) float64, as mean
        self.x, self.mean, self.std, self.weight = x_flat, mean.astype(x.dtype), std, weight
        y = self.scratch("y", x.shape, x.dtype)
        run(
            normalise, n, self.threads,
            x_flat, self.mean, (weight / std).astype(x.dtype), bias.astype(x.dtype),
            y.reshape(x_flat.shape),
        )  # fmt: skip
        return y

    def backward(self, dy, dx):
        norm, (n, c, size), dtype = self.norm, self.x.shape, dy.dtype
        dy = dy.reshape(self.x.shape)
        dy_sums, dyx_sums = np.zeros((2, chunk_count(n), c))
        run(batchnorm_sums, n, self.threads, dy, self.x, self.mean, dy_sums, dyx_sums)
        dbias, dweight = dy_sums.sum(axis=0), dyx_sums.sum(axis=0) / self.std  # (c,) float64
        norm.bias.grad = dbias.astype(norm.bias.data.dtype)
        norm.weight.grad = dweight.astype(norm.weight.data.dtype)
        if dx is None:
            return
        m = n * size if self.trained else np.inf  # running statistics do not move with x
        run(
            batchnorm_dx, n, self.threads,
            dy, self.x, self.mean, (self.weight / self.std).astype(dtype),
            (dbias / m).astype(dtype), (dweight / m / self.std).astype(dtype),
            dx.reshape(self.x.shape),
        )  # fmt: skip


def whole_batch(means, squares, n, size):
    """(mean, biased variance) of a batch, from those of its chunks: (chunks, c) → (c,)."""
    starts = np.arange(len(means)) * chunk_size(n)
    counts = (np.minimum(n - starts, chunk_size(n)) * size)[:, None]  # values in each chunk
    mean = (means * counts).sum(axis=0) / (n * size)
    return mean, (squares + counts * (means - mean) ** 2).sum(axis=0) / (n * size)


class ReLUStage:
    """ReLU on its own."""

    def __init__(self, threads, relu):
        self.layer, self.threads = relu, threads
        self.scratch = Scratch()

    def forward(self, x):
        self.y = self.scratch("y", x.shape, x.dtype)
        run(relu_forward, len(x), self.threads, flat(x), flat(self.y))
        return self.y

    def backward(self, dy, dx):
        if dx is not None:
            run(relu_backward, len(dy), self.threads, flat(dy), flat(self.y), flat(dx))


class MaxPoolStage:
    """MaxPool2d."""

    def __init__(self, threads, pool):
        self.layer = self.pool = pool
        self.threads = threads
        self.scratch = Scratch()
        self.places_of = None

    def forward(self, x):  # x: (n, c, h, w)
        y_shape, window = pool_window(self.pool, x)
        planes = (*y_shape[:2], -1)
        if self.places_of != x.shape[1:]:
            self.base, self.begin = places(window, x.shape[3])
            self.places_of = x.shape[1:]
        y = self.scratch("y", y_shape, x.dtype)
        self.winner = self.scratch("winner", y_shape, np.int32).reshape(planes)
        taps = self.scratch("taps", (self.threads, self.base.size + APART), x.dtype)
        run(
            maxpool_forward, len(x), self.threads,
            x, window, self.base, self.begin, taps, y.reshape(planes), self.winner,
        )  # fmt: skip
        return y

    def backward(self, dy, dx):
        if dx is not None:
            dy, dx = (a.reshape(*a.shape[:2], -1) for a in (dy, dx))
            run(maxpool_backward, len(dy), self.threads, dy, self.winner, dx)


class AvgPoolStage:
    """AvgPool2d."""

    def __init__(self, threads, pool):
        self.layer = self.pool = pool
        self.threads = threads
        self.scratch = Scratch()

    def forward(self, x):  # x: (n, c, h, w)
        (n, c, oh, ow), self.window = pool_window(self.pool, x)
        kh, kw = self.pool.kernel_size
        self.factor = x.dtype.type(1 / (kh * kw))
        y = self.scratch("y", (n, c, oh * ow), x.dtype)
        taps = self.scratch("taps", (self.threads, oh * ow + APART), x.dtype)
        run(avgpool_forward, n, self.threads, x, self.window, self.factor, taps, y)
        return y.reshape(n, c, oh, ow)

    def backward(self, dy, dx):
        if dx is not None:
            dy = dy.reshape(*dy.shape[:2], -1)
            run(avgpool_backward, len(dy), self.threads, dy, self.window, self.factor, dx)


def pool_window(pool, x):
    """(shape of y, the window as the kernels take it)."""
    shape = pool.output_shape(x.shape)
    return shape, (*shape[2:], *pool.kernel_size, *pool.stride, *pool.padding)


def places(window, w):
    """Flat places in an image of width w, for each window: (of its first entry, its first pixel).

    Both (oh·ow,) int32; the first entry may lie in the padding, the first pixel does not.
    """
    oh, ow, _, _, sh, sw, ph, pw = window
    i, j = np.arange(oh)[:, None] * sh, np.arange(ow) * sw
    base, begin = i * w + j, np.maximum(i - ph, 0) * w + np.maximum(j - pw, 0)
    return base.astype(np.int32).ravel(), begin.astype(np.int32).ravel()


class PlainStage:
    """A layer that has no kernels: it runs as it is."""

    def __init__(self, threads, layer):
        self.layer = layer

    def forward(self, x):
        return np.ascontiguousarray(self.layer.forward(x))

    def backward(self, dy, dx):
        if dx is not None:
            dx[...] = self.layer.backward(dy)
        elif self.layer.can_skip_dx:
            self.layer.backward(dy, need_dx=False)
        else:
            self.layer.backward(dy)


PATTERNS = [  # the longest first
    ((Conv2d, ReLU), ConvStage),
    ((Conv2d,), ConvStage),
    ((BatchNorm2d,), BatchNormStage),
    ((ReLU,), ReLUStage),
    ((MaxPool2d,), MaxPoolStage),
    ((AvgPool2d,), AvgPoolStage),
]


def stages_for(layers, threads):
    """[stage] that together stand for the layers, in order."""
    stages = []
    while layers:
        types = [type(layer) for layer in layers]  # exactly: a subclass may do something else
        for pattern, stage in [*PATTERNS, ((types[0],), PlainStage)]:
            if tuple(types[: len(pattern)]) == pattern:
                stages.append(stage(threads, *layers[: len(pattern)]))
                layers = layers[len(pattern) :]
                break
    return stages


def flat(a):
    """(n, …) as (n, product of the rest)."""
    return a.reshape(len(a), -1)


def fitting(parameter, shape, layer):
    """A parameter's array; kernels do not check indices, so a wrong shape ends here."""
    if parameter.data.shape != shape:
        raise ValueError(f"{layer}: expected a parameter of {shape}, got {parameter.data.shape}")
    return parameter.data
