"""The seam between layers and kernels: a stage stands for one or more layers in a row.

`forward(x)` and `backward(dy, dx)` do what the layers do, with the layers' own parameters and
buffers, on Blocks: arrays with room behind them that are kept and used again. What forward
returns stands until the next forward. backward sets the gradients and returns the gradient of x,
which it writes into dx; if dx is None, the gradient is unused. `layer` is the first of the layers.

A BatchNorm between two convolutions has no pass over memory of its own. The convolution before it
takes the statistics of what it writes; the one after it normalises what it reads. Backward
likewise: the one after it takes the sums that BatchNorm's backward pass needs, the one before it
works out its gradient while reading. So a BatchNormStage, when its neighbours do this
(`previous_norm`, `next_norm`), hands on the very Block it was given, and only turns sums into
factors for each channel.

A kernel does not look at what it is given: whatever a stage reads of its layer (sizes, windows,
arrays) is looked at here, at each pass, for it may have been changed since the last.

`stages_for` says which stages stand for which layers, and who are neighbours.
"""

import numpy as np

from ..contract import checked_backward, checked_forward, is_own, read_only
from ..layer import own_array
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
    """`previous_norm`: the BatchNormStage whose work this stage does while reading x; `next_norm`:
    the one whose statistics and gradient it takes care of while writing y. None: there is none.
    """

    previous_norm = next_norm = None
    gives_known_shape = True

    def __init__(self, threads, memory, layer):
        self.threads, self.layer = threads, layer
        self.scratch = Scratch(memory)

    def run(self, kernel, n, *args):
        run(kernel, n, self.threads, *args)

    def norm(self, dtype):
        """(mean, scale and shift of each channel of x, whether to apply them, and then a ReLU)."""
        if self.previous_norm is None:
            return np.zeros((3, 1), dtype), False, False
        return self.previous_norm.factors, True, self.previous_norm.relu

    def input_gradient_sums(self, n):
        """Where this stage leaves the sums for the BatchNorm in front of it."""
        if self.previous_norm is None:
            return np.zeros((2, 1, 1))
        return self.previous_norm.gradient_sums(n)


class ConvStage(Stage):
    """Conv2d, or Conv2d and ReLU."""

    def __init__(self, threads, memory, conv, relu=None):
        super().__init__(threads, memory, conv)
        self.relu = relu is not None
        self.plans = {}

    def forward(self, x):  # x: (n, c, h, w)
        dtype, conv = x.flat.dtype, self.layer
        n = x.shape[0]
        self.plan, self.space, weight_shape = self.prepared(x.shape, dtype)
        p, space, g = self.plan, self.space, self.plan.geometry
        bias = np.zeros(g.out_channels, dtype)
        if conv.bias is not None:
            bias[:] = own_array(conv, "bias", (g.out_channels,), dtype)
        self.weight = own_array(conv, "weight", weight_shape, dtype).flatten()  # a copy
        self.factors, normed, gate = self.norm(dtype)
        tracked = self.next_norm is not None and self.next_norm.decide()
        self.fused = Fused(normed, gate, self.relu, tracked, self.next_norm is not None)
        y = self.scratch("y", (n, g.out_channels, g.oh, g.ow), dtype)
        means, squares = self.next_norm.statistics(n) if tracked else np.zeros((2, 1, 1))
        self.run(
            conv_forward, n, x.flat, self.factors, self.weight, bias, p.order, p.offsets,
            p.x_moves, p.y_moves, g, self.fused, space, y.flat, means, squares,
        )  # fmt: skip
        self.x, self.y, self.kernel_size = x, y, weight_shape[2:]
        return y

    def backward(self, dy, dx):
        p, dtype, n = self.plan, dy.flat.dtype, dy.shape[0]
        g, chunks = p.geometry, chunk_count(n)
        norm = self.next_norm
        norm_dx = np.zeros((4, 1), dtype) if norm is None else norm.dx_coefficients
        rows = -(-g.out_channels // ROWS) * ROWS
        weight_sums = self.scratch("weight sums", (chunks, rows, g.taps), dtype).array
        bias_sums = self.scratch("bias sums", (chunks, g.out_channels), dtype).array
        dweight, dbias = np.empty((g.out_channels, g.depth), dtype), np.empty(g.out_channels, dtype)
        dx_sums, dxx_sums = self.input_gradient_sums(n)
        self.run(
            conv_backward, n, self.x.flat, self.y.flat, dy.flat, self.factors, norm_dx, self.weight,
            p.dx_order, p.offsets, p.dx_offsets, p.dx_starts, p.x_moves, p.x_starts, p.y_moves,
            g, self.fused, dx is not None, self.space, (dx or self.x).flat, weight_sums, bias_sums,
            dweight, dbias, dx_sums, dxx_sums,
        )  # fmt: skip
        weight, bias = self.layer.weight, self.layer.bias
        shape = g.out_channels, g.in_channels, *self.kernel_size
        weight.grad = dweight.reshape(shape).astype(weight.data.dtype, copy=False)
        if bias is not None:
            bias.grad = dbias.astype(bias.data.dtype, copy=False)
        return dx

    def prepared(self, shape, dtype):
        """(plan, zeroed scratch for each thread, shape of the weight) for images (n, c, h, w).

        The convolution's sizes are part of the key: it may have been given others.
        """
        conv, most = self.layer, chunk_size(shape[0])
        key = shape[1:], most, dtype, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
        if key not in self.plans:
            conv.output_shape(shape)
            image, _, _, out_channels, *window = key
            plan = conv_plan(image, images_in_frame(image, most, *window), *key[3:], dtype)
            g = plan.geometry
            size = g.frame_size + g.dy_frame_size + g.out_size + g.weight_size + g.sums_size
            if len(self.plans) == PLANS:
                self.plans.clear()
            space = np.zeros((self.threads, size + ROOM), dtype)
            self.plans[key] = plan, space, (out_channels, image[0], *window[0])
        return self.plans[key]


class BatchNormStage(Stage):
    """BatchNorm2d; or BatchNorm2d and ReLU, in front of a stage that does the work of both.

    `collected`: the stage before it is a convolution, whose `next_norm` this is. `applied`: the
    stage after it does its work, as its `previous_norm`.
    """

    collected = applied = False

    def __init__(self, threads, memory, norm, relu=None):
        super().__init__(threads, memory, norm)
        self.relu = relu is not None

    def decide(self):
        """Whether this pass takes statistics of the batch; the mode may change meanwhile."""
        self.trained = self.layer.training
        return self.trained

    def statistics(self, n):
        """(means, squares), each (chunks, c), for the stage before to fill."""
        self.means_squares = np.empty((2, chunk_count(n), self.layer.num_features))
        return self.means_squares

    def gradient_sums(self, n):
        """(Σdy, Σdy·(x − mean)), each (chunks, c), for the stage after to fill."""
        self.dy_sums = np.empty((2, chunk_count(n), self.layer.num_features))
        return self.dy_sums

    def forward(self, x):  # x: (n, c, h, w)
        norm, (n, c, h, w), dtype = self.layer, x.shape, x.flat.dtype
        weight, bias, running_mean, running_var = (
            np.ascontiguousarray(own_array(norm, name, (c,), dtype))
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        statistics = np.empty((2, c))
        if not self.collected:
            self.decide()
        if self.trained:
            if not self.collected:
                space = self.space(3 * c, dtype)
                self.run(batch_statistics, n, x.flat, c, h * w, space, *self.statistics(n))
            whole_batch(*self.means_squares, n, h * w, chunk_size(n), *statistics)
        else:
            statistics[0], statistics[1] = running_mean, running_var
        self.std, self.factors = np.empty(c), np.empty((3, c), dtype)
        forward_factors(*statistics, weight, bias, norm.eps, self.std, self.factors)
        self.x, self.of_batch = x, statistics
        if self.applied:
            return x
        y = self.scratch("y", x.shape, dtype)
        self.run(normalise, n, x.flat, self.factors, c, h * w, y.flat)
        return y

    def track(self):
        """Move the running statistics: when the whole network's forward went well."""
        if self.trained:
            n, _, h, w = self.x.shape
            self.layer.track(*self.of_batch, m=n * h * w)

    def backward(self, dy, dx):
        norm, (n, c, h, w), dtype = self.layer, self.x.shape, dy.flat.dtype
        if not self.applied:
            space = self.space(2 * c, dtype)
            self.run(
                batchnorm_sums, n, dy.flat, self.x.flat, self.factors, c, h * w, space,
                *self.gradient_sums(n),
            )  # fmt: skip
        dweight, dbias = np.empty(c, dtype), np.empty(c, dtype)
        self.dx_coefficients = np.empty((4, c), dtype)
        m = n * h * w if self.trained else np.inf  # running statistics do not move with x
        backward_factors(
            *self.dy_sums, self.std, self.factors, float(m), dweight, dbias, self.dx_coefficients,
        )  # fmt: skip
        norm.weight.grad = dweight.astype(norm.weight.data.dtype, copy=False)
        norm.bias.grad = dbias.astype(norm.bias.data.dtype, copy=False)
        if self.collected:
            return dy
        if dx is not None:
            factors = self.dx_coefficients
            self.run(batchnorm_dx, n, dy.flat, self.x.flat, factors, c, h * w, dx.flat)
        return dx

    def space(self, vectors, dtype):
        return self.scratch("space", (self.threads, vectors * ROOM), dtype).array


class ReLUStage(Stage):
    """ReLU on its own."""

    def forward(self, x):
        self.y = self.scratch("y", x.shape, x.flat.dtype)
        n, size = x.shape[0] if x.shape else 1, int(np.prod(x.shape[1:]))
        self.run(relu_forward, n, x.flat, size, self.y.flat)
        return self.y

    def backward(self, dy, dx):
        if dx is not None:
            n, size = dy.shape[0] if dy.shape else 1, int(np.prod(dy.shape[1:]))
            self.run(relu_backward, n, dy.flat, self.y.flat, size, dx.flat)
        return dx


class PoolStage(Stage):
    """What both kinds of pooling need."""

    window_of = None

    def prepare(self, shape, dtype):
        """Tables and scratch for images (c, h, w)."""
        pool, (_, h, w) = self.layer, shape
        window_of = shape, dtype, pool.kernel_size, pool.stride, pool.padding
        if self.window_of == window_of:
            return
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
        self.window_of = window_of


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
                *self.factors, c, h * w, space.array, dx.flat, *self.input_gradient_sums(n),
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
    """A layer that has no kernels: it runs as it is, and what it returns is looked at.

    A reader's layer may keep what it is given, so it gets copies: the arrays of a compiled network
    are used again.
    """

    is_last = False  # of the network

    def __init__(self, threads, memory, layer):
        super().__init__(threads, memory, layer)
        self.is_own = self.gives_known_shape = is_own(layer)

    def given(self, block):
        return block.array if self.is_own else block.array.copy()

    def forward(self, x):
        """y as a Block; the network's as an array, the caller's to keep."""
        array = checked_forward(self.layer, self.given(x), self.is_last)
        if self.is_last:
            return array.copy() if self.is_own or not array.flags.writeable else array
        y = self.scratch("y", array.shape, array.dtype)
        y.array[...] = array
        return y

    def backward(self, dy, dx):
        dy = dy if self.is_last else self.given(dy)
        if dx is None:
            self.layer.backward_parameters(read_only(dy))
        else:
            dx.array[...] = checked_backward(self.layer, dy, dx.shape, dx.flat.dtype)
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
    """[stage] that together stand for the layers, in order, and [index of each one's first]."""
    stages, starts, taken = [], [], []
    while layers:
        # exactly these types, as we wrote them: a subclass may do something else
        types = [type(layer) if is_own(layer) else None for layer in layers]
        for pattern, stage in [*PATTERNS, ((types[0],), PlainStage)]:
            if tuple(types[: len(pattern)]) == pattern:
                starts.append(sum(taken))
                taken.append(min(len(pattern), 2))
                stages.append(stage(threads, memory, *layers[: taken[-1]]))
                layers = layers[taken[-1] :]
                break
    for stage, following in zip(stages, stages[1:], strict=False):
        if isinstance(stage, ConvStage) and isinstance(following, BatchNormStage):
            stage.next_norm, following.collected = following, True
        if isinstance(stage, BatchNormStage) and isinstance(following, (ConvStage, MaxPoolStage)):
            following.previous_norm, stage.applied = stage, True
    stages[-1].is_last = True
    return stages, starts
