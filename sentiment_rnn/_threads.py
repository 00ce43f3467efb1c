"""Threads where they help: between batches, not inside the small products of a time loop.

A matrix library spreads each product over all processors and waits for the last of them. The
products of a time loop take microseconds, so that on a machine that does anything else besides,
the waiting costs up to ten times what the product does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentiment_rnn.architectures.layers import NetworkSpec

# Below so many operations a product is quicker on one processor, or hardly slower.
_SMALL_PRODUCT = 1 << 22
# Whether this process is inside `one_processor`.
_alone = False


class _OneThread:
    """How many are inside `one_thread`: the first sets the limit, and the last lifts it.

    If each restored what it found, one that came second and left last would leave the limit behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit = ExitStack()

    def enter(self) -> None:
        from threadpoolctl import ThreadpoolController

        with self._lock:
            if not self._inside:
                limit = ThreadpoolController().limit(limits=1, user_api="blas")
                self._limit.enter_context(limit)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.close()


_one_thread = _OneThread()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the ``with``, each matrix product uses one thread: that of its caller."""
    _one_thread.enter()
    try:
        yield
    finally:
        _one_thread.leave()


@contextmanager
def one_processor() -> Iterator[None]:
    """Inside the ``with``, this process uses one processor, as one of many that each do their part.

    Example:
        >>> with one_processor():
        ...     count_processors()
        1
    """
    global _alone
    before, _alone = _alone, True
    try:
        with one_thread():
            yield
    finally:
        _alone = before


@contextmanager
def threads_for(spec: NetworkSpec, batch_size: int) -> Iterator[None]:
    """Inside the ``with``, matrix products use one thread if the steps of a network are small.

    Args:
        spec: the layers.
        batch_size: rows that are read side by side.

    Example:
        >>> from sentiment_rnn.architectures import LayerSpec, NetworkSpec
        >>> spec = NetworkSpec((None, None, 2), (LayerSpec("SimpleRNN", {"units": 3}),))
        >>> with threads_for(spec, batch_size=32):
        ...     pass
    """
    recurrent = [weight for weight in spec.weights() if weight.name == "recurrent_kernel"]
    largest = max((weight.shape[0] * weight.shape[1] for weight in recurrent), default=0)
    if 2 * batch_size * largest >= _SMALL_PRODUCT:
        yield
    else:
        with one_thread():
            yield


@cache
def matrix_library_targets() -> frozenset[str]:
    """Which processors the matrix libraries in this process multiply for, by their own names.

    Example:
        >>> isinstance(matrix_library_targets(), frozenset)
        True
    """
    from threadpoolctl import threadpool_info

    found = (library.get("architecture") for library in threadpool_info())
    return frozenset(name for name in found if name is not None)


def count_processors() -> int:
    """The processors that this process may use.

    Example:
        >>> count_processors() >= 1
        True
    """
    if _alone:
        return 1
    if hasattr(os, "sched_getaffinity"):  # where the system can give a process a part of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
