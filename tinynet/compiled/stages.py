"""The seam between layers and kernels: a stage stands for one or more layers in a row.

`forward(x)` and `backward(dy, dx)` do what the layers do, with the layers' own parameters and
buffers, on Blocks: arrays with room behind them that are kept and used again. What forward
returns stands until the next forward. backward sets the gradients and returns the gradient of x,
which it writes into dx; if dx is None, nobody reads it. `layer` is the first of the layers.

A BatchNorm between two convolutions has no pass over memory of its own. The convolution before it
takes the statistics of what it writes; the one behind normalises what it reads. Backward likewise:
the one behind takes the sums that BatchNorm's backward pass needs, the one before it works out
its gradient while reading. So a BatchNormStage, when its neighbours do this (`before`, `behind`),
hands on the very Block it was given, and only turns sums into factors for each channel.

`stages_for` says which stages stand for which layers, and who are neighbours.
"""

import numpy as np

from ..layers import AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, ReLU
from .batchnorm import (
    backward_factors,
    batch_statistics,
    batchnorm_dx,
    batchnorm_sums,
    forward_factors,
    normalise,
    whole_batch,
)
from .conv import Fused, conv_backward, conv_forward
from .frame import moves_in
from .memory import ROOM, Scratch, new_block
from .plan import images_in_frame
from .plan import plan as conv_plan
from .pool import avgpool_backward, avgpool_forward, maxpool_backward, maxpool_forward
from .relu import relu_backward, relu_forward
from .simd import ROWS, vector_lanes
from .threads import chunk_count, chunk_size, run

UNROLLED = 16  # entries of a window, at most, for which a kernel is compiled by itself
PLANS = 8  # that a convolution keeps, for images and batches of different sizes


class Stage:
    """`before`: the BatchNormStage whose work this stage does while reading x; `behind`: the one
    whose statistics and gradient it takes care of while writing y. None where there is none.
    """

    before = behind = None

    def __init__(self, threads, memory, layer):
        self.threads, self.layer = threads, layer
        self.scratch = Scratch(memory)

    def run(self, kernel, n, *args):
        run(kernel, n, self.threads, *args)

    def norm(self, dtype):
        """(mean, scale and shift of each channel of x, whether to apply them, and then a ReLU)."""
        if self.before is None:
            return np.zeros((3, 1), dtype), False, False
        return self.before.factors, True, self.before.relu

    def sums(self, n):
        """Where this stage leaves the sums for the BatchNorm in front of it."""
        if self.before is None:
            return np.zeros((2, 1, 1))
        return self.before.sums(n)


class ConvStage(Stage):
    """Conv2d, or Conv2d and ReLU."""

    def __init__(self, threads, memory, conv, relu=None):
        super().__init__(threads, memory, conv)
        self.relu = relu is not None
        self.plans = {}

    def forward(self, x):  # x: (n, c, h, w)
        dtype, conv = x.flat.dtype, self.layer
        n, shape = x.shape[0], x.shape[1:]
        self.plan, self.space = p, space = self.prepared(shape, chunk_size(n), dtype)
        g = p.geometry
        bias = np.zeros(g.out_channels, dtype)
        if conv.bias is not None:
            bias[:] = fitting(conv.bias, (g.out_channels,), conv)
        shape = (g.out_channels, g.in_channels, *conv.kernel_size)
        self.weight = fitting(conv.weight, shape, conv).astype(dtype).ravel()
        self.factors, normed, gate = self.norm(dtype)
        tracked = self.behind is not None and self.behind.layer.training
        self.fused = Fused(normed, gate, self.relu, tracked, self.behind is not None)
        y = self.scratch("y", (n, g.out_channels, g.oh, g.ow), dtype)
        means, squares = self.behind.statistics(n) if tracked else np.zeros((2, 1, 1))
        self.run(
            conv_forward, n, x.flat, self.factors, self.weight, bias, p.order, p.offsets,
            p.x_moves, p.y_moves, g, self.fused, space, y.flat, means, squares,
        )  # fmt: skip
        self.x, self.y = x, y
        return y

    def backward(self, dy, dx):
        p, dtype, n = self.plan, dy.flat.dtype, dy.shape[0]
        g, chunks = p.geometry, chunk_count(n)
        after = np.zeros((4, 1), dtype) if self.behind is None else self.behind.backward_factors
        rows = -(-g.out_channels // ROWS) * ROWS
        weight_sums = self.scratch("weight sums", (chunks, rows, g.taps), dtype).array
        bias_sums = self.scratch("bias sums", (chunks, g.out_channels), dtype).array
        dweight, dbias = np.empty((g.out_channels, g.depth), dtype), np.empty(g.out_channels, dtype)
        dx_sums, dxx_sums = self.sums(n)
        self.run(
            conv_backward, n, self.x.flat, self.y.flat, dy.flat, self.factors, after, self.weight,
            p.dx_order, p.offsets, p.dx_offsets, p.dx_starts, p.x_moves, p.x_starts, p.y_moves,
            g, self.fused, dx is not None, self.space, (dx or self.x).flat, weight_sums, bias_sums,
            dweight, dbias, dx_sums, dxx_sums,
        )  # fmt: skip
        weight, bias = self.layer.weight, self.layer.bias
        weight.grad = dweight.reshape(weight.data.shape).astype(weight.data.dtype, copy=False)
        if bias is not None:
            bias.grad = dbias.astype(bias.data.dtype, copy=False)
        return dx

    def prepared(self, shape, most, dtype):
        """(plan, zeroed scratch for each thread) for images (c, h, w), `most` of them at a time."""
        conv = self.layer
        window = conv.kernel_size, conv.stride, conv.padding
        key = shape, images_in_frame(shape, most, *window), dtype
        if key not in self.plans:
            plan = conv_plan(*key[:2], conv.out_channels, *window, dtype)
            g = plan.geometry
            size = g.frame_size + g.dy_frame_size + g.out_size + g.weight_size + g.sums_size
            if len(self.plans) == PLANS:
                self.plans.clear()
            self.plans[key] = plan, np.zeros((self.threads, size + ROOM), dtype)
        return self.plans[key]


class BatchNormStage(Stage):
    """BatchNorm2d; or BatchNorm2d and ReLU, in front of a stage that does the work of both.

    `collected`: the stage before it is a convolution, whose `behind` this is. `applied`: the stage
    behind it does its work, as its `before`.
    """

    collected = applied = False

    def __init__(self, threads, memory, norm, relu=None):
        super().__init__(threads, memory, norm)
        self.relu = relu is not None

    def statistics(self, n):
        """(means, squares), each (chunks, c), for the stage before to fill."""
        self.means_squares = np.empty((2, chunk_count(n), self.layer.num_features))
        return self.means_squares

    def sums(self, n):
        """(Σdy, Σdy·(x − mean)), each (chunks, c), for the stage behind to fill."""
        self.dy_sums = np.empty((2, chunk_count(n), self.layer.num_features))
        return self.dy_sums

    def forward(self, x):  # x: (n, c, h, w)
        norm, (n, c, h, w), dtype = self.layer, x.shape, x.flat.dtype
        weight, bias = fitting(norm.weight, (c,), norm), fitting(norm.bias, (c,), norm)
        self.trained, statistics = norm.training, np.empty((2, c))
        if norm.training:
            if not self.collected:
                space = self.space(3 * c, dtype)
                self.run(batch_statistics, n, x.flat, c, h * w, space, *self.statistics(n))
            whole_batch(*self.means_squares, n, h * w, chunk_size(n), *statistics)
            norm.track(*statistics, m=n * h * w)
        else:
            statistics[0], statistics[1] = norm.running_mean, norm.running_var
        self.std, self.factors = np.empty(c), np.empty((3, c), dtype)
        forward_factors(*statistics, weight, bias, norm.eps, self.std, self.factors)
        self.x = x
        if self.applied:
            return x
        y = self.scratch("y", x.shape, dtype)
        self.run(normalise, n, x.flat, self.factors, c, h * w, y.flat)
        return y

    def backward(self, dy, dx):
        norm, (n, c, h, w), dtype = self.layer, self.x.shape, dy.flat.dtype
        if not self.applied:
            space = self.space(2 * c, dtype)
            self.run(
                batchnorm_sums, n, dy.flat, self.x.flat, self.factors, c, h * w, space,
                *self.sums(n),
            )  # fmt: skip
        norm.weight.grad = np.empty_like(norm.weight.data)
        norm.bias.grad = np.empty_like(norm.bias.data)
        self.backward_factors = np.empty((4, c), dtype)
        m = n * h * w if self.trained else np.inf  # running statistics do not move with x
        backward_factors(
            *self.dy_sums, self.std, self.factors, float(m), norm.weight.grad, norm.bias.grad,
            self.backward_factors,
        )  # fmt: skip
        if self.collected:
            return dy
        if dx is not None:
            factors = self.backward_factors
            self.run(batchnorm_dx, n, dy.flat, self.x.flat, factors, c, h * w, dx.flat)
        return dx

    def space(self, vectors, dtype):
        return self.scratch("space", (self.threads, vectors * ROOM), dtype).array


class ReLUStage(Stage):
    """ReLU on its own."""

    def forward(self, x):
        self.y = self.scratch("y", x.shape, x.flat.dtype)
        self.run(relu_forward, x.shape[0], x.flat, int(np.prod(x.shape[1:])), self.y.flat)
        return self.y

    def backward(self, dy, dx):
        if dx is not None:
            size = int(np.prod(dy.shape[1:]))
            self.run(relu_backward, dy.shape[0], dy.flat, self.y.flat, size, dx.flat)
        return dx


class PoolStage(Stage):
    """What both kinds of pooling need."""

    window_of = None

    def prepare(self, shape, dtype):
        """Tables and scratch for images (c, h, w)."""
        if self.window_of == (shape, dtype):
            return
        pool, (_, h, w) = self.layer, shape
        oh, ow = pool.output_shape((1, *shape))[2:]
        (kh, kw), (sh, sw), (ph, pw) = pool.kernel_size, pool.stride, pool.padding
        fh, fw = -(-(h + 2 * ph) // sh), -(-(w + 2 * pw) // sw)  # of a phase of the frame
        self.moves, _ = moves_in(h, w, (sh, sw), (ph, pw), fw, fh * fw, vector_lanes(dtype))
        self.space = np.empty((self.threads, sh * sw * fh * fw + 2 * ROOM), dtype)
        i, j = np.arange(kh)[:, None], np.arange(kw)
        entries = (i % sh * sw + j % sw) * fh * fw + i // sh * fw + j // sw
        self.entries = entries.ravel()
        if self.entries.size <= UNROLLED:
            self.entries = tuple(map(int, self.entries))
        self.forward_window, self.window = (oh, ow, sw, fw), (oh, ow, kh, kw, sh, sw, ph, pw)
        self.steps = (i * w + j).ravel()  # from the first entry of a window to each
        # of each window: its first row and column, and how many of them are padding
        i, j = np.arange(oh)[:, None] * sh - ph, np.arange(ow) * sw - pw
        self.base = (i * w + j).ravel()
        self.begin = new_block((oh, ow), dtype)
        self.begin.array[...] = np.maximum(-i, 0) * kw + np.maximum(-j, 0)
        self.window_of = shape, dtype


class MaxPoolStage(PoolStage):
    """MaxPool2d."""

    def forward(self, x):  # x: (n, c, h, w)
        (n, c, h, w), dtype = x.shape, x.flat.dtype
        self.prepare(x.shape[1:], dtype)
        y_shape = n, c, *self.window[:2]
        y, self.winner = self.scratch("y", y_shape, dtype), self.scratch("winner", y_shape, dtype)
        self.x, self.factors = x, self.norm(dtype)
        self.run(
            maxpool_forward, n, x.flat, *self.factors, c, h * w, self.forward_window, self.moves,
            self.entries, self.begin.flat, self.space, y.flat, self.winner.flat,
        )  # fmt: skip
        return y

    def backward(self, dy, dx):
        if dx is not None:
            (n, c, h, w), dtype = self.x.shape, dy.flat.dtype
            space = self.scratch("sums", (self.threads, 2 * c * ROOM), dtype)
            self.run(
                maxpool_backward, n, dy.flat, self.winner.flat, self.base, self.steps, self.x.flat,
                *self.factors, c, h * w, space.array, dx.flat, *self.sums(n),
            )  # fmt: skip
        return dx


class AvgPoolStage(PoolStage):
    """AvgPool2d."""

    def forward(self, x):  # x: (n, c, h, w)
        (n, c, h, w), dtype = x.shape, x.flat.dtype
        self.prepare(x.shape[1:], dtype)
        self.size, self.factor = (c, h, w), dtype.type(1 / len(self.entries))
        y = self.scratch("y", (n, c, *self.window[:2]), dtype)
        norm = self.norm(dtype)[0]
        self.run(
            avgpool_forward, n, x.flat, norm, c, h * w, self.forward_window, self.moves,
            self.entries, self.space, y.flat,
        )  # fmt: skip
        return y

    def backward(self, dy, dx):
        if dx is not None:
            self.run(
                avgpool_backward, dy.shape[0], dy.flat, *self.size, self.window, self.factor,
                dx.flat,
            )  # fmt: skip
        return dx


class PlainStage(Stage):
    """A layer that has no kernels: it runs as it is."""

    def forward(self, x):
        array = self.layer.forward(x.array)
        y = self.scratch("y", array.shape, array.dtype)
        y.array[...] = array
        return y

    def backward(self, dy, dx):
        if dx is None:
            self.layer.backward_parameters(dy.array)
        else:
            dx.array[...] = self.layer.backward(dy.array)
        return dx


PATTERNS = [  # the longest first
    ((Conv2d, ReLU), ConvStage),
    ((Conv2d,), ConvStage),
    ((BatchNorm2d, ReLU, Conv2d), BatchNormStage),  # the convolution is a stage of its own
    ((BatchNorm2d, ReLU, MaxPool2d), BatchNormStage),
    ((BatchNorm2d,), BatchNormStage),
    ((ReLU,), ReLUStage),
    ((MaxPool2d,), MaxPoolStage),
    ((AvgPool2d,), AvgPoolStage),
]


def stages_for(layers, threads, memory):
    """[stage] that together stand for the layers, in order."""
    stages = []
    while layers:
        types = [type(layer) for layer in layers]  # exactly: a subclass may do something else
        for pattern, stage in [*PATTERNS, ((types[0],), PlainStage)]:
            if tuple(types[: len(pattern)]) == pattern:
                count = min(len(pattern), 2)
                stages.append(stage(threads, memory, *layers[:count]))
                layers = layers[count:]
                break
    for stage, following in zip(stages, stages[1:], strict=False):
        if isinstance(stage, ConvStage) and isinstance(following, BatchNormStage):
            stage.behind, following.collected = following, True
        if isinstance(stage, BatchNormStage) and isinstance(following, (ConvStage, MaxPoolStage)):
            following.before, stage.applied = stage, True
    return stages


def fitting(parameter, shape, layer):
    """A parameter's array; kernels do not check indices, so a wrong shape ends here."""
    if parameter.data.shape != shape:
        raise ValueError(f"{layer}: expected a parameter of {shape}, got {parameter.data.shape}")
    return parameter.data
