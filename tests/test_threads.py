import os

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sentiment_rnn._threads import (
    count_processors,
    one_processor,
    one_thread,
    threads_for,
)
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize(
    ("units", "batch_size", "threads"), [(50, 32, 1), (50, 128, 1), (512, 64, 3)]
)
def test_small_steps_take_one_thread(units, batch_size, threads):
    spec = NetworkSpec((None, None, 2), (LayerSpec("LSTM", {"units": units}),))
    with threadpool_limits(3, "blas"):
        with threads_for(spec, batch_size):
            assert blas_threads() == {threads}
        assert blas_threads() == {3}


def test_who_leaves_last_leaves_no_limit_behind():
    first, second = one_thread(), one_thread()
    with threadpool_limits(3, "blas"):
        first.__enter__()
        second.__enter__()
        assert blas_threads() == {1}
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {3}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_processors_are_those_of_the_process():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert count_processors() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert count_processors() == len(before)


def test_one_processor_of_many():
    before = count_processors()
    with threadpool_limits(3, "blas"):
        with one_processor():
            assert (count_processors(), blas_threads()) == (1, {1})
            with one_processor():
                pass
            assert count_processors() == 1
        assert (count_processors(), blas_threads()) == (before, {3})
