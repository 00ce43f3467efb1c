import gc
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment_rnn.numpy_rnn.memory import empty, empty_like, reuse

SHAPE = (100, 400)


def address(array):
    return array.ctypes.data


def test_memory_is_used_again_when_the_last_view_is_gone():
    with reuse():
        array = empty(SHAPE, np.float32)
        place = address(array)
        view = array[3:].T
        of_view = view[1:]
        del array
        assert address(empty(SHAPE, np.float32)) != place
        del view
        assert address(empty(SHAPE, np.float32)) != place
        of_view[...] = 7
        empty(SHAPE, np.float32)[...] = 0
        assert (of_view == 7).all()
        del of_view
        places = {address(array) for array in [empty(SHAPE, np.float32) for _ in range(4)]}
        assert place in places
        assert len(places) == 4


def test_a_cycle_of_references_gives_back_as_well():
    with reuse():
        array = empty(SHAPE, np.float32)
        place = address(array)
        cycle: list[object] = [array]
        cycle.append(cycle)
        del array, cycle
        gc.collect()
        assert address(empty(SHAPE, np.float32)) == place


def test_arrays_are_like_those_of_numpy():
    for dtype in (np.float32, np.float64, np.int32):
        with reuse():
            array = empty((300, 70, 3), dtype)
        assert (array.shape, array.dtype) == ((300, 70, 3), dtype)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert address(array) % 64 == 0
        array[...] = 1
        assert array.sum() == 300 * 70 * 3
    like = empty_like(np.zeros((5, 2, 3)).swapaxes(0, 1))
    assert like.shape == (2, 5, 3)
    assert like.swapaxes(0, 1).flags.c_contiguous


@pytest.mark.parametrize("where", ["outside", "after", "another thread"])
def test_nothing_is_kept_where_it_was_not_asked_for(where):
    found = []
    if where == "outside":
        found.append(empty(SHAPE, np.float32))
    elif where == "after":
        with reuse():
            pass
        found.append(empty(SHAPE, np.float32))
    else:
        with reuse():
            thread = threading.Thread(target=lambda: found.append(empty(SHAPE, np.float32)))
            thread.start()
            thread.join()
    assert found[0].base is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=30))
def test_no_two_arrays_in_use_share_memory(steps):
    held: list[tuple[np.ndarray, int]] = []
    with reuse():
        for number, (size, lets_go) in enumerate(steps):
            if lets_go and held:
                held.pop(number % len(held))
            array = empty((size * 20_000,), np.float32)
            array[...] = number
            held.append((array, number))
            for other, value in held:
                assert (other == value).all()
