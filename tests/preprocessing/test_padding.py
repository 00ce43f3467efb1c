import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.preprocessing import pad_sequences

IDS = [np.array([1, 2, 3]), np.array([4]), np.array([], int)]


@pytest.mark.parametrize(
    ("padding", "truncating", "expected"),
    [
        ("post", "post", [[1, 2], [4, 0], [0, 0]]),
        ("post", "pre", [[2, 3], [4, 0], [0, 0]]),
        ("pre", "post", [[1, 2], [0, 4], [0, 0]]),
        ("pre", "pre", [[2, 3], [0, 4], [0, 0]]),
    ],
)
def test_both_sides(padding, truncating, expected):
    padded = pad_sequences(IDS, 2, padding=padding, truncating=truncating)
    np.testing.assert_array_equal(padded, expected)


def test_maxlen_0_is_as_long_as_the_longest():
    np.testing.assert_array_equal(pad_sequences(IDS), [[1, 2, 3], [4, 0, 0], [0, 0, 0]])


def test_without_any_id_there_is_one_column():
    assert pad_sequences([np.array([], int)]).shape == (1, 1)
    assert pad_sequences([]).shape == (0, 1)


sequences = st.lists(st.lists(st.integers(1, 9), max_size=8).map(np.array), max_size=5)


@given(sequences, st.integers(0, 6), st.sampled_from(["pre", "post"]))
def test_agrees_with_keras(ids, maxlen, side):
    from keras.utils import pad_sequences as keras_pad_sequences

    before = [row.copy() for row in ids]
    padded = pad_sequences(ids, maxlen, padding=side, truncating=side)
    length = maxlen or max([len(row) for row in ids] + [1])
    expected = keras_pad_sequences(ids, length, padding=side, truncating=side)
    np.testing.assert_array_equal(padded, expected.reshape(len(ids), length))
    for row, copy in zip(ids, before, strict=True):
        np.testing.assert_array_equal(row, copy)
