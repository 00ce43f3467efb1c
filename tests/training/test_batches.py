import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.preprocessing import pad_sequences
from sentiment_rnn.training.batches import TextBatches, WindowBatches

ENCODED = [np.arange(1, length + 1) for length in (5, 0, 12, 3, 7)]
LABELS = np.array([[0], [1], [1], [0], [1]])


def test_text_batches_cover_all_texts_in_order():
    batches = TextBatches(ENCODED, LABELS, lambda ids: pad_sequences(ids, 4), 2)
    ids, labels = zip(*(batches[number] for number in range(len(batches))), strict=True)
    np.testing.assert_array_equal(np.concatenate(ids), pad_sequences(ENCODED, 4))
    np.testing.assert_array_equal(np.concatenate(labels), LABELS)
    assert [len(batch) for batch in ids] == [2, 2, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: TextBatches(ENCODED, LABELS, pad_sequences, 5, seed),
        lambda seed: WindowBatches(ENCODED, LABELS, 4, 1, seed),
    ],
    ids=["texts", "windows"],
)
def test_the_order_follows_from_seed_and_epoch(make):
    def orders(seed, epochs=range(4)):
        batches = make(seed)
        found = []
        for epoch in epochs:
            batches.begin_epoch(epoch)
            found.append([batches[number][0].tolist() for number in range(len(batches))])
        return found

    assert orders(0) == orders(0) == orders(0, reversed(range(4)))[::-1]
    assert orders(0) != orders(1)
    first, *others = orders(0)
    assert first not in others
    assert orders(None)[0] == orders(None)[1]
    if isinstance(make(0), TextBatches):
        assert all(sorted(epoch[0]) == sorted(first[0]) for epoch in others)


def test_words_are_dropped_by_chance_that_follows_from_seed_epoch_and_batch():
    encoded = [np.arange(1, 1001), np.arange(1, 501), np.arange(1, 2001)]
    before = [ids.copy() for ids in encoded]

    def read(seed, epoch, dropped=0.25):
        batches = TextBatches(
            encoded, np.arange(3)[:, None], pad_sequences, 2, seed, word_dropout=dropped
        )
        batches.begin_epoch(epoch)
        # In another order too: a batch may be made ahead of others.
        made = {number: batches[number] for number in (1, 0)}
        return {
            int(label): ids[ids > 0].tolist()
            for batch in made.values()
            for ids, [label] in zip(*batch, strict=True)
        }

    first, again, second, other = read(0, 0), read(0, 0), read(0, 1), read(1, 0)
    assert first == again
    for text, ids in enumerate(encoded):
        assert first[text] != second[text] != other[text] != first[text]
        # What is left is in its order, and about three of four.
        assert first[text] == sorted(set(first[text]) & set(ids.tolist()))
        assert 0.68 < len(first[text]) / len(ids) < 0.82
        np.testing.assert_array_equal(ids, before[text])
        assert read(0, 0, 0.0)[text] == ids.tolist()


def test_a_sentence_loses_no_word():
    encoded = [np.arange(1, length) for length in (2, 10, 20, 21, 400)]
    batches = TextBatches(
        encoded, np.arange(5)[:, None], pad_sequences, 5, seed=0, word_dropout=0.5
    )
    ids, labels = batches[0]
    left = dict(zip(labels[:, 0].astype(int).tolist(), (ids > 0).sum(axis=1).tolist(), strict=True))
    assert (left[0], left[1], left[2]) == (1, 9, 19)
    assert left[3] < 20
    assert left[4] < 300


def test_texts_of_like_length_share_a_batch():
    random = np.random.default_rng(0)
    encoded = [np.full(length, text) for text, length in enumerate(random.integers(1, 99, 43))]
    lengths = sorted(len(ids) for ids in encoded)

    def epochs(seed):
        batches = TextBatches(
            encoded, np.arange(43)[:, None], pad_sequences, 8, seed, by_length=True
        )
        for epoch in range(2):
            batches.begin_epoch(epoch)
            widths, read = [], []
            for number in range(len(batches)):
                ids, labels = batches[number]
                np.testing.assert_array_equal(ids[:, 0], labels[:, 0])
                widths.append(ids.shape[1])
                read += labels[:, 0].tolist()
            assert sorted(read) == list(range(43))
            # The longest of each eight, in an order of chance.
            assert sorted(widths) == [lengths[min(number + 7, 42)] for number in range(0, 43, 8)]
            assert widths != sorted(widths)
            yield read

    first, second = epochs(0)
    assert [first, second] == list(epochs(0))
    assert first != second
    assert first not in list(epochs(1))


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=9),
    st.integers(1, 6),
    st.integers(1, 4),
    st.booleans(),
)
def test_windows_put_together_are_the_texts(lengths, window, batch_size, shuffled):
    # A text's ids tell which one it is, and its label.
    encoded = [np.arange(1, length + 1) + 100 * row for row, length in enumerate(lengths)]
    before = [ids.copy() for ids in encoded]
    seed = 0 if shuffled else None
    batches = WindowBatches(encoded, np.arange(len(encoded))[:, None] % 2, window, batch_size, seed)
    for epoch in range(2):
        batches.begin_epoch(epoch)
        read: list[list[int]] = []
        open_rows: list[list[int]] = []
        for number in range(len(batches)):
            ids, labels, weights = batches[number]
            assert ids.shape == (batch_size, window)
            if batches.begins_texts(number):
                read += open_rows
                open_rows = [[] for _ in range(batch_size)]
            for row, place in zip(open_rows, range(batch_size), strict=True):
                known = ids[place][ids[place] > 0]
                row.extend(known)
                if len(known):
                    assert weights[place] == 1
                    assert (known // 100 % 2 == labels[place, 0]).all()
        read += open_rows
        assert sorted(row for row in read if row) == [ids.tolist() for ids in encoded if len(ids)]
    for ids, copy in zip(encoded, before, strict=True):
        np.testing.assert_array_equal(ids, copy)


def test_weights_of_windows():
    batches = WindowBatches(ENCODED[:3], LABELS[:3], 4, 4)
    weights = [batches[number][2].tolist() for number in range(3)]
    assert weights == [[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]]
    assert [batches.begins_texts(number) for number in range(3)] == [True, False, False]
