"""Where the arrays of a compiled network lie: as large as asked for, apart, on cache lines."""

import numpy as np
import pytest

from tinynet.compiled.memory import LINE, ROOM, SLAB, Block, Memory, Scratch, new_block


def address(a):
    return a.__array_interface__["data"][0]


def apart(arrays):
    """Whether no two of them share a byte."""
    spans = sorted((address(a), address(a) + a.nbytes) for a in arrays)
    return all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_arrays_are_zeroed_and_aligned_and_lie_apart():
    memory, arrays = Memory(), []
    rng = np.random.default_rng(0)
    for count in [1, 15, 16, 17, 0, 3, *rng.integers(1, 5000, 40)]:
        for dtype in (np.float32, np.float64, np.int8):
            a = memory(count, dtype)
            assert (a.shape, a.dtype) == ((count,), dtype)
            assert count == 0 or address(a) % LINE == 0
            assert not a.any()
            a[:] = 1  # whoever gets a part of it next would find it not zeroed
            arrays.append(a)
    assert apart(arrays)


def test_small_arrays_share_a_slab_and_others_get_their_own():
    memory = Memory()
    first, second = memory(3, np.float64), memory(3, np.float64)
    assert address(second) - address(first) == LINE
    large = memory(SLAB + 5, np.int8)
    assert large.size == SLAB + 5
    after = memory(3, np.float64)
    assert apart([first, second, large, after])
    assert all(address(a) % LINE == 0 for a in (large, after))


@pytest.mark.parametrize("left", range(0, 4 * LINE, 8))
def test_what_does_not_fit_into_the_slab_any_more_begins_another(left):
    memory = Memory()
    memory(SLAB - left, np.int8)
    arrays = [memory(LINE, np.int8) for _ in range(5)]
    assert all(a.size == LINE and address(a) % LINE == 0 for a in arrays)
    assert apart(arrays)


def test_a_block_is_its_array_and_room_behind():
    block = new_block((2, 3, 4), np.float32)
    assert block.array.shape == (2, 3, 4) and block.flat.size == 24 + ROOM
    assert np.shares_memory(block.array, block.flat)
    assert not block.flat[24:].any()
    block.array[...] = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(block.flat[:24], np.arange(24))
    assert new_block((), np.float64).array.shape == ()


def test_scratch_gives_the_same_block_again():
    scratch = Scratch(Memory())
    block = scratch("x", (5, 3), np.float32)
    assert isinstance(block, Block) and block.flat.size == 15 + ROOM
    block.array[...] = 7
    assert scratch("x", (5, 3), np.float32) is block
    others = [
        scratch("y", (5, 3), np.float32),
        scratch("x", (5, 3), np.float64),
        Scratch(scratch.memory)("x", (5, 3), np.float32),
    ]
    assert apart([block.flat, *(other.flat for other in others)])
    assert (block.array == 7).all()


def test_scratch_gives_a_smaller_batch_the_same_memory_and_a_larger_one_more():
    scratch = Scratch(Memory())
    block = scratch("x", (5, 3), np.float32)
    smaller = scratch("x", (2, 3), np.float32)
    assert address(smaller.flat) == address(block.flat)
    assert smaller.array.shape == (2, 3) and smaller.flat.size == 6 + ROOM
    assert scratch("x", (3, 2), np.float32).array.shape == (3, 2)
    larger = scratch("x", (50, 3), np.float32)
    assert larger.flat.size == 150 + ROOM and apart([block.flat, larger.flat])
    again = scratch("x", (5, 3), np.float32)  # a part of the larger one: the old one is let go
    assert address(again.flat) == address(larger.flat)
    # a batch that grows by little each time does not take new memory each time
    taken = {address(scratch("x", (n, 3), np.float32).flat) for n in range(51, 90)}
    assert len(taken) == 1
