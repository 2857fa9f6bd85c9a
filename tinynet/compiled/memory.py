"""The arrays of a compiled network: allocated once, used again each step.

A fresh array of 3 MB costs 800 page faults, which take longer than the arithmetic on it.
"""

from typing import NamedTuple

import numpy as np

ROOM = 64  # elements behind a Block, and between what two threads write (in one cache line they
# would wait in turn): two vectors of any dtype
SLAB = 1 << 25  # bytes
LINE = 64  # bytes of a cache line


class Block(NamedTuple):
    """An array as kernels take it: flat, C order, with ROOM behind that may be read."""

    flat: np.ndarray
    shape: tuple

    @property
    def array(self):
        return self.flat[: self.flat.size - ROOM].reshape(self.shape)


def new_block(shape, dtype):
    size = int(np.prod(shape))
    flat = np.empty(size + ROOM, dtype)
    flat[size:] = 0
    return Block(flat, shape)


class Memory:
    """Zeroed arrays that stay, cut from large ones.

    Of arrays this large NumPy asks Linux to map them in pages of 2 MB. A step passes over some 25
    MB, and a core cannot remember where 6,000 pages of 4 KB are: that was 2 to 4 % of its time.
    """

    def __init__(self):
        self.slab, self.used = np.zeros(0, np.uint8), 0

    def __call__(self, count, dtype):
        size = count * np.dtype(dtype).itemsize
        self.used += -(self.slab.ctypes.data + self.used) % LINE
        if self.used + size > self.slab.size:
            self.slab = np.zeros(max(SLAB, size + LINE), np.uint8)
            self.used = -self.slab.ctypes.data % LINE
        array = self.slab[self.used : self.used + size].view(dtype)
        self.used += size
        return array


class Scratch:
    """Blocks by name, allocated once and used again: also for the smaller last batch."""

    def __init__(self, memory):
        self.memory = memory
        self.arrays = {}
        self.blocks = {}

    def __call__(self, name, shape, dtype):
        """A Block of this shape and dtype, with whatever was left in it."""
        key = name, shape, dtype
        block = self.blocks.get(key)
        if block is not None:
            return block
        size = int(np.prod(shape)) + ROOM
        array = self.arrays.get((name, dtype))
        if array is None:
            array = self.arrays[name, dtype] = self.memory(size, dtype)
        elif array.size < size:  # far larger, for what it leaves unused is not given back
            array = self.arrays[name, dtype] = self.memory(max(size, 2 * array.size), dtype)
            self.blocks.clear()
        block = self.blocks[key] = Block(array[:size], shape)
        return block
