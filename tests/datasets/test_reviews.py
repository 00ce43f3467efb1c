import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.datasets import Reviews
from sentiment_rnn.errors import DataError, UsageError


def reviews_of(labels):
    """Reviews with every field, each telling its position."""
    positions = np.arange(len(labels))
    return Reviews(
        texts=[f"text {position}" for position in positions],
        labels=np.array(labels),
        ratings=positions + 100,
        groups=np.array([f"film {position}" for position in positions]),
        unsupervised=["more"],
        names=[f"name {position}" for position in positions],
    )


def test_labels_become_int64_and_the_callers_stay_as_they_were():
    labels = np.array([True, False])
    reviews = Reviews(["a", "b"], labels)
    assert reviews.labels.dtype == np.int64
    assert reviews.labels.tolist() == [1, 0]
    reviews.labels[0] = 0
    assert labels.tolist() == [True, False]


@pytest.mark.parametrize("field", ["labels", "ratings", "groups"])
def test_arrays_of_another_length_are_refused(field):
    arrays = dict.fromkeys(["labels", "ratings", "groups"], np.array([0, 1]))
    arrays[field] = np.array([0, 1, 1])
    with pytest.raises(DataError, match=rf"Expected {field} of shape \(2,\).*Received: \(3,\)"):
        Reviews(["a", "b"], arrays["labels"], arrays["ratings"], arrays["groups"])


def test_names_of_another_length_are_refused():
    with pytest.raises(DataError, match=r"Expected names of shape \(1,\).*Received: \(2,\)"):
        Reviews(["a"], np.array([0]), names=["x", "y"])


def test_labels_may_be_any_whole_numbers_or_strings():
    assert Reviews(["a", "b", "c"], np.array([4, -1, 10])).labels.tolist() == [4, -1, 10]
    reviews = Reviews(["a", "b", "c"], np.array(["joy", "rage", "joy"], object))
    assert reviews.select(np.array([2, 1])).labels.tolist() == ["joy", "rage"]
    assert reviews.fingerprint() != reviews_of([0, 1, 0]).fingerprint()


@pytest.mark.parametrize("labels", [[0, 0.5], [0, None], [1, "a"], [[1], "a"], [0, np.nan]])
def test_other_labels_are_refused(labels):
    with pytest.raises(DataError, match="all whole numbers, or all strings. Received: "):
        Reviews(["a", "b"], np.array(labels, object))


@pytest.mark.parametrize(
    ("counts", "n", "chosen"),
    [
        ([10, 10, 10], 9, [3, 3, 3]),
        ([10, 10, 10], 11, [3, 4, 4]),
        ([2, 10, 10], 9, [1, 4, 4]),
        ([10, 2, 3], 12, [8, 2, 2]),
        ([10, 1, 1], 3, [1, 1, 1]),
        ([900, 90, 10], 100, [90, 9, 1]),
        ([4, 4, 4], 11, [3, 4, 4]),
    ],
)
def test_limit_keeps_the_shares_of_more_classes(counts, n, chosen):
    limited = reviews_of(np.repeat(["a", "b", "c"], counts)).limit(n, seed=1)
    assert [limited.labels.tolist().count(name) for name in "abc"] == chosen
    with pytest.raises(UsageError, match="at least 3, one review a class. Received: 2"):
        reviews_of(np.repeat(["a", "b", "c"], counts)).limit(2, seed=1)


def test_select_takes_every_field_along():
    chosen = reviews_of([0, 1, 0, 1]).select(np.array([3, 0]))
    assert chosen.texts == ["text 3", "text 0"]
    assert chosen.labels.tolist() == [1, 0]
    assert chosen.ratings is not None
    assert chosen.ratings.tolist() == [103, 100]
    assert chosen.groups is not None
    assert chosen.groups.tolist() == ["film 3", "film 0"]
    assert chosen.names == ["name 3", "name 0"]
    assert chosen.unsupervised == ["more"]


def test_select_nothing():
    assert len(reviews_of([0, 1]).select(np.array([]))) == 0


@pytest.mark.parametrize(
    ("labels", "n", "negative", "positive"),
    [
        ([0] * 50 + [1] * 50, 20, 10, 10),
        ([0] * 50 + [1] * 50, 21, 10, 11),
        ([0] * 50 + [1] * 3, 20, 19, 1),
        ([0] * 90 + [1] * 10, 20, 18, 2),
        ([0] * 50 + [1] * 50, 1000, 50, 50),
    ],
)
def test_limit_keeps_the_shares_of_the_classes(labels, n, negative, positive):
    limited = reviews_of(labels).limit(n, seed=1)
    assert np.bincount(limited.labels).tolist() == [negative, positive]


def test_limit_keeps_the_order_and_depends_on_the_seed_alone():
    reviews = reviews_of([0, 1] * 500)
    positions = [int(text.split()[1]) for text in reviews.limit(100, seed=0).texts]
    assert positions == sorted(set(positions))
    assert max(positions) > 200
    assert reviews.limit(100, seed=0).texts == reviews.limit(100, seed=0).texts
    assert reviews.limit(100, seed=0).texts != reviews.limit(100, seed=1).texts
    assert set(reviews.limit(51, seed=0).texts) < set(reviews.limit(100, seed=0).texts)
    assert len(reviews) == 1000


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.data())
def test_more_in_all_is_never_less_of_one_class(counts, data):
    reviews = reviews_of(np.repeat(np.arange(len(counts)), counts))
    n = data.draw(st.integers(len(counts), sum(counts)))
    fewer = data.draw(st.integers(len(counts), n))
    chosen = reviews.limit(n, seed=0)
    assert len(chosen) == n
    assert set(reviews.limit(fewer, seed=0).texts) <= set(chosen.texts)
    found = np.bincount(chosen.labels)
    assert (found >= 1).all()
    assert (np.abs(found - np.array(counts) * n / sum(counts)) < len(counts)).all()


def test_limit_below_two_is_refused():
    with pytest.raises(UsageError, match=r"at least 2.*Received: 1"):
        reviews_of([0, 1]).limit(1, seed=0)


def test_fingerprint_sees_texts_labels_order_and_borders():
    def fingerprint(texts, labels):
        return Reviews(texts, np.array(labels)).fingerprint()

    same = fingerprint(["ab", "c"], [0, 1])
    assert len(same) == 64
    assert same == fingerprint(["ab", "c"], [0, 1])
    others = [
        fingerprint(["ab", "d"], [0, 1]),
        fingerprint(["ab", "c"], [1, 0]),
        fingerprint(["c", "ab"], [0, 1]),
        fingerprint(["a", "bc"], [0, 1]),
        fingerprint(["ab", "c", ""], [0, 1, 0]),
    ]
    assert len({same, *others}) == 6


def test_fingerprint_of_half_a_surrogate_pair():
    assert len(Reviews(["\ud800"], np.array([0])).fingerprint()) == 64
