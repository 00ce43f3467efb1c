"""Arrays whose memory is used again.

A training step makes a dozen arrays of megabytes and lets them go. An operating system takes such
memory back at once, and to hand it out anew it clears it page by page, which takes longer than
the arithmetic: with its memory kept, a step of the textbook's network takes half the time.

>>> with reuse():
...     first = empty((1000, 100), np.float32)
...     place = first.ctypes.data
...     del first
...     empty((100, 900), np.float32).ctypes.data == place
True
"""

from __future__ import annotations

import bisect
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod

import numpy as np
from numpy.typing import DTypeLike

# Smaller arrays come from memory that the process keeps anyway.
_SMALLEST = 1 << 16
# The start of a line of the processor's cache.
_ALIGNMENT = 64


class _Blocks:
    """Blocks of memory that no array uses at present, the smallest first."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []
        # Python may let go of an array at any moment, in the middle of `take` too.
        self._returned: deque[bytearray] = deque()

    def take(self, size: int) -> bytearray:
        while self._returned:
            bisect.insort(self._free, self._returned.popleft(), key=len)
        place = bisect.bisect_left(self._free, size, key=len)
        if place < len(self._free):
            return self._free.pop(place)
        # A larger one takes the place of the largest, so that their number doesn't grow.
        if self._free:
            self._free.pop()
        return bytearray(size)

    def give_back(self, block: bytearray) -> None:
        self._returned.append(block)


# Of each array that `empty` made, by the number of its reference: that reference, and where the
# memory goes when the array is gone. `weakref.finalize` does the same, and takes longer.
_owned: dict[int, tuple[weakref.ref[np.ndarray], _Blocks, bytearray]] = {}


def _let_go(reference: weakref.ref[np.ndarray]) -> None:
    _, blocks, block = _owned.pop(id(reference))
    blocks.give_back(block)


_blocks: ContextVar[_Blocks | None] = ContextVar("blocks", default=None)


@contextmanager
def reuse() -> Iterator[None]:
    """Inside the ``with``, `empty` uses the memory of arrays again that nothing refers to now."""
    token = _blocks.set(_Blocks())
    try:
        yield
    finally:
        _blocks.reset(token)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """As `numpy.empty`, in used memory where there is some: inside of `reuse`.

    Args:
        shape: sizes of the array.
        dtype: its type.

    Returns:
        An array of any numbers, which is its owner's until the last view of it is gone.

    Example:
        >>> empty((2, 3), np.float32).shape
        (2, 3)
    """
    blocks = _blocks.get()
    dtype = np.dtype(dtype)
    count = prod(shape)
    if blocks is None or count * dtype.itemsize < _SMALLEST:
        return np.empty(shape, dtype)
    block = blocks.take(count * dtype.itemsize + _ALIGNMENT)
    start = -_address(block) % _ALIGNMENT
    array = np.frombuffer(block, dtype, count, start)
    # Views refer to this array, as NumPy looks no further for an owner than to the last array.
    reference = weakref.ref(array, _let_go)
    _owned[id(reference)] = reference, blocks, block
    return array.reshape(shape)


def empty_like(array: np.ndarray) -> np.ndarray:
    """`empty` with the shape and type of another array; with time first in memory if that has.

    Example:
        >>> empty_like(np.zeros((5, 2, 3)).swapaxes(0, 1)).strides
        (24, 48, 8)
    """
    if array.ndim == 3 and not array.flags.c_contiguous:
        by_time = array.swapaxes(0, 1)
        if by_time.flags.c_contiguous:
            return empty(by_time.shape, array.dtype).swapaxes(0, 1)
    return empty(array.shape, array.dtype)


def _address(block: bytearray) -> int:
    return np.frombuffer(block, np.uint8, 1).ctypes.data
