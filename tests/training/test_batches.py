import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.preprocessing import pad_sequences
from sentiment_rnn.training.batches import TextBatches, WindowBatches

ENCODED = [np.arange(1, length + 1) for length in (5, 0, 12, 3, 7)]
LABELS = np.array([0, 1, 1, 0, 1])


def test_text_batches_cover_all_texts_in_order():
    batches = TextBatches(ENCODED, LABELS, lambda ids: pad_sequences(ids, 4), 2)
    ids, labels = zip(*(batches[number] for number in range(len(batches))), strict=True)
    np.testing.assert_array_equal(np.concatenate(ids), pad_sequences(ENCODED, 4))
    np.testing.assert_array_equal(np.concatenate(labels)[:, 0], LABELS)
    assert [len(batch) for batch in ids] == [2, 2, 1]


def test_text_batches_to_predict_have_no_labels():
    (ids,) = TextBatches(ENCODED, None, pad_sequences, 8)[0]
    assert ids.shape == (5, 12)


def test_text_batches_are_shuffled_anew_each_epoch_and_by_the_seed():
    def orders(seed):
        shuffle = np.random.default_rng(seed)
        batches = TextBatches(ENCODED, LABELS, pad_sequences, 5, shuffle)
        found = []
        for _ in range(4):
            found.append((batches[0][0] > 0).sum(axis=1).tolist())
            batches.on_epoch_end()
        return found

    assert orders(0) == orders(0)
    assert orders(0) != orders(1)
    assert len({tuple(order) for order in orders(0)}) > 1
    assert all(sorted(order) == [0, 3, 5, 7, 12] for order in orders(0))


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=9),
    st.integers(1, 6),
    st.integers(1, 4),
    st.booleans(),
)
def test_windows_put_together_are_the_texts(lengths, window, batch_size, shuffled):
    encoded = [np.arange(1, length + 1) + 100 * row for row, length in enumerate(lengths)]
    before = [ids.copy() for ids in encoded]
    shuffle = np.random.default_rng(0) if shuffled else None
    batches = WindowBatches(
        encoded, np.arange(len(encoded)) % 2, window, batch_size, shuffle=shuffle
    )
    for _ in range(2):
        read: dict[int, list[int]] = {row: [] for row in range(len(encoded))}
        for number in range(len(batches)):
            ids, labels, weights = batches[number]
            assert ids.shape == (batch_size, window)
            texts = batches.texts(number)
            if batches.begins_texts(number):
                assert all(not read[text] for text in texts)
            for place, text in enumerate(texts):
                read[text].extend(ids[place][ids[place] > 0])
                assert labels[place, 0] == text % 2
            assert not weights[len(texts) :].any()
            assert not ids[len(texts) :].any()
        for row, ids in enumerate(encoded):
            assert read[row] == ids.tolist()
        batches.on_epoch_end()
    for ids, copy in zip(encoded, before, strict=True):
        np.testing.assert_array_equal(ids, copy)


@pytest.mark.parametrize(
    ("final_only", "expected"),
    [(False, [[1, 1, 1], [1, 0, 1], [0, 0, 1]]), (True, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])],
)
def test_weights_of_windows(final_only, expected):
    batches = WindowBatches(ENCODED[:3], LABELS[:3], 4, 3, final_only=final_only)
    assert [batches[number][2].tolist() for number in range(3)] == expected
