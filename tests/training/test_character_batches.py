import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.errors import DataError
from sentiment_rnn.training.character_batches import CharacterBatches


def in_turn(ids, batch_size, window, steps):
    """The batches of a cursor a row, each moved on character by character."""
    segment = len(ids) // batch_size
    cursors = [row * segment for row in range(batch_size)]
    for _ in range(steps):
        inputs, targets = [], []
        for row in range(batch_size):
            read = []
            for _ in range(window):
                read.append(ids[cursors[row]])
                cursors[row] = (cursors[row] + 1) % len(ids)
            inputs.append(read)
            targets.append([*read[1:], ids[cursors[row]]])
        yield inputs, targets


@given(
    st.integers(1, 60), st.integers(1, 6), st.integers(1, 9), st.sampled_from(["u1", "i4", "i8"])
)
def test_cursors(length, batch_size, window, dtype):
    if length < max(window + 1, batch_size):
        return
    ids = np.arange(length, dtype=dtype)
    ids.flags.writeable = False
    batches = CharacterBatches(ids, batch_size, window)
    expected = list(in_turn(ids.tolist(), batch_size, window, 3 * len(batches)))
    # Whatever order they are asked for in.
    for step in reversed(range(3 * len(batches))):
        inputs, targets = batches.batch(step)
        assert inputs.dtype == targets.dtype == np.int32
        assert inputs.shape == targets.shape == (batch_size, window)
        assert (inputs.tolist(), targets.tolist()) == expected[step]

    # In an epoch every row reads its part, which are together the text but for a rest.
    segment = length // batch_size
    read = np.concatenate([batches.batch(step)[0] for step in range(len(batches))], axis=1)
    parts = read[:, :segment].ravel()
    np.testing.assert_array_equal(parts, ids[: batch_size * segment])
    assert 0 <= read.shape[1] - segment < window


def test_windows_put_together_are_the_text_again_and_again():
    ids = np.arange(7, dtype=np.int32)
    batches = CharacterBatches(ids, 2, 3)
    read = np.concatenate([batches.batch(step)[0] for step in range(7)], axis=1)
    np.testing.assert_array_equal(read[0], np.tile(ids, 3))
    np.testing.assert_array_equal(read[1], np.roll(np.tile(ids, 3), -3))


def test_epochs():
    batches = CharacterBatches(np.arange(40), 4, 3)
    assert len(batches) == 4
    assert [batches.epoch_of(step) for step in (0, 3, 4, 7, 8)] == [0, 0, 1, 1, 2]
    assert len(CharacterBatches(np.arange(40), 4, 10)) == 1
    # A window that is longer than a row's part.
    assert len(CharacterBatches(np.arange(40), 8, 39)) == 1


def test_steps_without_end():
    batches = CharacterBatches(np.arange(40), 4, 3)
    np.testing.assert_array_equal(batches.batch(40 * 10**30)[0], batches.batch(0)[0])


def test_batches_are_the_callers():
    ids = np.arange(8, dtype=np.int32)
    batches = CharacterBatches(ids, 2, 3)
    inputs, targets = batches.batch(0)
    inputs[:] = 99
    np.testing.assert_array_equal(targets, [[1, 2, 3], [5, 6, 7]])
    np.testing.assert_array_equal(ids, np.arange(8))
    assert inputs.flags.c_contiguous
    assert targets.flags.c_contiguous


@pytest.mark.parametrize(
    ("length", "batch_size", "window", "message"),
    [
        (
            0,
            1,
            1,
            r"at least 2 characters: a window of 1 and the one that comes next. Received: 0$",
        ),
        (25, 1, 25, r"at least 26 characters: a window of 25 and the one that .* Received: 25$"),
        (31, 32, 5, r"at least 32 characters: one for each row of a batch. Received: 31$"),
    ],
)
def test_texts_that_are_too_short(length, batch_size, window, message):
    with pytest.raises(DataError, match=f"^Expected a text of {message}"):
        CharacterBatches(np.zeros(length, np.int32), batch_size, window)


def test_what_makes_no_sense():
    ids = np.arange(40)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to"):
        CharacterBatches(ids, 0, 3)
    with pytest.raises(ValueError, match="window must be a whole number from 1 to"):
        CharacterBatches(ids, 1, 0)
    with pytest.raises(
        ValueError, match=r"whole numbers \(characters,\). Received: float64 \(40,\)"
    ):
        CharacterBatches(ids / 2, 1, 3)
    with pytest.raises(
        ValueError, match=r"whole numbers \(characters,\). Received: int64 \(4, 10\)"
    ):
        CharacterBatches(ids.reshape(4, 10), 1, 3)
    for ask in (CharacterBatches(ids, 1, 3).batch, CharacterBatches(ids, 1, 3).epoch_of):
        with pytest.raises(ValueError, match="Expected a step of at least 0. Received: -1"):
            ask(-1)
