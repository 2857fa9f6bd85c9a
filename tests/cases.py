"""What several test files share: configurations of windows, arrays, memory layouts, skips."""

import contextlib
import functools
import os
import sys
import threading
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import strategies as st

import tinynet as tn
from tinynet.compiled.available import numba_error

# -- what one system has and another has not --

WINDOWS, WEBASSEMBLY = os.name == "nt", sys.platform in ("emscripten", "wasi")
LIMITED = WINDOWS or WEBASSEMBLY
links = pytest.mark.skipif(LIMITED, reason="makes links, which few may on Windows or WebAssembly")
modes = pytest.mark.skipif(LIMITED, reason="modes and owners of files, which POSIX alone has")
needs_threads = pytest.mark.skipif(WEBASSEMBLY, reason="no threads in WebAssembly")
needs_processes = pytest.mark.skipif(WEBASSEMBLY, reason="no processes in WebAssembly")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, as POSIX alone can")
ctrl_c = pytest.mark.skipif(WINDOWS, reason="sends Ctrl-C to a process, as POSIX alone can")

# of what compiles in other code than its own; what calls tn.compile is skipped by conftest.py
needs_numba = pytest.mark.skipif(bool(numba_error()), reason=f"compiles: {numba_error()}")
INTERPRETED = False
if not numba_error():
    from numba import config

    INTERPRETED = bool(config.DISABLE_JIT)  # kernels run as Python, and take minutes


# -- convolutions and poolings to try --


class ConvCase(NamedTuple):
    shape: tuple  # of x: (n, c, h, w)
    out_channels: int
    kernel_size: int | tuple
    stride: int | tuple = 1
    padding: int | tuple = 0
    bias: bool = True

    def layer(self, dtype=np.float32):
        return tn.Conv2d(
            self.shape[1],
            self.out_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            self.bias,
            rng=7,
            dtype=dtype,
        )


class PoolCase(NamedTuple):
    shape: tuple  # of x: (n, c, h, w)
    kernel_size: int | tuple
    stride: int | tuple | None = None
    padding: int | tuple = 0

    @property
    def window(self):
        """(kernel_size, stride, padding), with stride spelled out."""
        stride = self.kernel_size if self.stride is None else self.stride
        return self.kernel_size, stride, self.padding


# One of each kind, small enough for numerical gradients.
CONV_CASES = [
    ConvCase((2, 3, 6, 5), 4, 3),
    ConvCase((2, 3, 6, 5), 4, 3, padding=1),
    ConvCase((1, 1, 1, 1), 1, 1),
    ConvCase((1, 2, 3, 3), 2, 3),  # one place only
    ConvCase((1, 1, 1, 1), 2, 3, padding=1),  # mostly padding
    ConvCase((2, 3, 4, 7), 2, 1),
    ConvCase((2, 2, 5, 4), 3, 1, stride=2, padding=1),  # 1×1, and some places see padding only
    ConvCase((2, 2, 5, 7), 3, 2, stride=2),  # the last row and column are never read
    ConvCase((1, 2, 7, 9), 3, 3, stride=2, padding=1),
    ConvCase((2, 1, 7, 8), 2, 3, stride=3),
    ConvCase((1, 2, 6, 7), 2, 2, stride=3, padding=2),  # gaps between the windows
    ConvCase((1, 2, 7, 6), 2, 5, padding=2),
    ConvCase((2, 2, 6, 5), 2, (3, 2), bias=False),
    ConvCase((1, 2, 5, 6), 3, (1, 3), stride=(2, 1), padding=(0, 1)),
    ConvCase((2, 1, 6, 6), 2, (2, 5), stride=(1, 3), padding=(2, 0)),
    ConvCase((2, 1, 3, 4), 2, (3, 1), padding=(1, 1)),  # as wide a padding as the window
    ConvCase((2, 1, 3, 4), 2, (1, 3), padding=(1, 1)),  # as high
]

POOL_CASES = [
    PoolCase((2, 3, 6, 4), 2),
    PoolCase((1, 1, 1, 1), 1),
    PoolCase((1, 2, 3, 3), 3),  # one place only
    PoolCase((2, 2, 5, 7), 2),  # the last row and column are never read
    PoolCase((2, 2, 5, 6), 3, stride=1),  # overlapping
    PoolCase((1, 3, 7, 6), 3, stride=2, padding=1),
    PoolCase((1, 2, 7, 7), 2, stride=3, padding=1),  # gaps between the windows
    PoolCase((2, 1, 6, 5), (3, 2)),
    PoolCase((1, 2, 5, 6), (2, 3), stride=(1, 2), padding=(0, 1)),
    PoolCase((1, 1, 8, 7), 5, stride=1, padding=2),
]

BATCHES = st.sampled_from([1, 2, 5])
CHANNELS = st.sampled_from([1, 2, 3, 8, 33])
KERNELS = st.sampled_from([1, 2, 3, 5, (3, 2), (1, 3), (2, 5)])
STRIDES = st.sampled_from([1, 2, 3, (2, 1), (1, 3)])


@st.composite
def conv_cases(draw):
    kernel_size, stride = draw(KERNELS), draw(STRIDES)
    padding = draw(st.sampled_from([0, 1, 2, (1, 0), (0, 2)]))
    shape = (draw(BATCHES), draw(CHANNELS), *_image(draw, kernel_size, padding))
    return ConvCase(shape, draw(CHANNELS), kernel_size, stride, padding, draw(st.booleans()))


@st.composite
def pool_cases(draw):
    kernel_size, stride = draw(KERNELS), draw(st.none() | STRIDES)
    padding = tuple(draw(st.integers(0, min(k // 2, 2))) for k in _pair(kernel_size))
    shape = (draw(BATCHES), draw(CHANNELS), *_image(draw, kernel_size, padding))
    return PoolCase(shape, kernel_size, stride, padding)


def _image(draw, kernel_size, padding):
    """(h, w), from the smallest on which the window has a place."""
    smallest = [max(k - 2 * p, 1) for k, p in zip(_pair(kernel_size), _pair(padding), strict=True)]
    return tuple(draw(st.integers(size, size + 8)) for size in smallest)


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


# -- arrays --


def normal(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def whole(shape, dtype=np.float64, seed=0, low=-2, high=3):
    """Small whole numbers: many ties, and sums without rounding."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def distinct(shape, dtype=np.float64, seed=0):
    """Values around 0 that differ by 0.1 or more from each other and by 0.05 from 0, so that a
    small step changes neither the sign of one nor the order of two."""
    size = int(np.prod(shape))
    values = 0.1 * (np.arange(size) - size // 2) + 0.05
    return np.random.default_rng(seed).permutation(values).reshape(shape).astype(dtype)


@functools.cache
def mnist():
    """tn.datasets.mnist(), unpacked once for all tests, which may not write to it."""
    parts = tn.datasets.mnist()
    for array in (a for part in parts for a in part):
        array.flags.writeable = False
    return parts


def write_idx(path, array):
    """An array of uint8 as an IDX file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


def write_digits(folder, train, test):
    """A new folder with so many of the real digits, in raw IDX files; returns it."""
    folder.mkdir()
    for (x, y), name, n in zip(mnist(), ("train", "t10k"), (train, test), strict=True):
        write_idx(folder / f"{name}-images-idx3-ubyte", x[:n])
        write_idx(folder / f"{name}-labels-idx1-ubyte", y[:n])
    return folder


def tolerance(dtype):
    """For sums of some hundred terms of size 1."""
    return {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}


# -- memory layouts: each takes an array and returns an equal one --


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def every_second(x):
    """Every second entry along each axis of a larger array, the rest of which is NaN."""
    larger = np.full([2 * size for size in x.shape], np.nan, x.dtype)
    view = larger[(slice(None, None, 2),) * x.ndim]
    view[...] = x
    return view


def channels_last(x):
    """The memory of (n, h, w, c); of two axes, columns first."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def column_major(x):
    return np.asfortranarray(x)


def backwards(x):
    """Negative strides along each axis."""
    return np.flip(np.flip(x).copy())


LAYOUTS = [read_only, every_second, channels_last, column_major, backwards]


def blobs(n=120, seed=0):
    """Images of three classes that a small network can tell apart: which third is bright."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = rng.integers(0, 60, (n, 9, 6)).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        image[3 * label : 3 * label + 3] += 120
    return x, y


def small_network(seed=0):
    return tn.Sequential(
        tn.Conv2d(1, 4, 3, padding=1, rng=seed),
        tn.ReLU(),
        tn.BatchNorm2d(4),
        tn.MaxPool2d((3, 2)),
        tn.Flatten(),
        tn.Linear(36, 3, rng=seed + 1),
    )


@contextlib.contextmanager
def running(server):
    """An HTTP server that answers meanwhile, in a thread that ends however the test ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wide_network():
    """All layers, fused or not, and one that no kernel knows."""
    return tn.Sequential(
        tn.BatchNorm2d(2),
        tn.Conv2d(2, 5, 3, stride=2, padding=1, rng=0),
        tn.BatchNorm2d(5),
        tn.ReLU(),
        Doubled(),
        tn.Sequential(tn.Conv2d(5, 3, (1, 2), rng=1), tn.ReLU(), tn.MaxPool2d(2, 1)),
        tn.AvgPool2d(2, padding=1),
        tn.Flatten(),
        tn.Linear(18, 4, rng=2),
        tn.ReLU(),
    )


class Doubled(tn.Layer):
    """A reader's own layer; its output shape is not known beforehand."""

    def forward(self, x):
        self.save(x)
        return 2 * x

    def backward(self, dy):
        self.saved(dy)
        return 2 * dy


class Breaks(tn.Layer):
    """Passes x on, and from a certain call on not a number."""

    def __init__(self, calls):
        self.calls = calls

    def forward(self, x):
        self.calls -= 1
        y = x.copy() if self.calls >= 0 else np.full_like(x, np.nan)
        self.save(y)
        return y

    def backward(self, dy):
        self.saved(dy)
        return dy
