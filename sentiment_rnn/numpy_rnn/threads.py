"""Threads where they help: between batches, not inside the small products of a time loop.

A matrix library spreads each product over all processors and waits for the last of them. The
products of a time loop take microseconds, so that on a machine that does anything else besides,
the waiting costs up to ten times what the product does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sentiment_rnn.architectures.layers import NetworkSpec

# Below so many operations a product is quicker on one processor, or hardly slower.
_SMALL_PRODUCT = 1 << 22
# Whether this process is inside `one_processor`.
_alone = False


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the ``with``, each matrix product uses one thread: that of its caller."""
    from threadpoolctl import ThreadpoolController

    with ThreadpoolController().limit(limits=1, user_api="blas"):
        yield


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
        >>> from sentiment_rnn.architectures import LayerSpec
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
