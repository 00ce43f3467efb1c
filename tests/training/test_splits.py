import numpy as np
import pytest
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from sentiment_rnn.errors import DataError
from sentiment_rnn.training.splits import validation_split

LABELS = np.arange(200) % 2
GROUPS = np.arange(200) // 5


def test_parts_are_disjoint_complete_and_follow_the_seed():
    train, validation = validation_split(LABELS, 0.2, seed=1)
    assert len(validation) == 40
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(200))
    np.testing.assert_array_equal(validation_split(LABELS, 0.2, seed=1)[1], validation)
    assert validation_split(LABELS, 0.2, seed=2)[1].tolist() != validation.tolist()


def test_no_film_is_on_both_sides():
    train, validation = validation_split(LABELS, 0.2, seed=1, groups=GROUPS)
    assert not set(GROUPS[train]) & set(GROUPS[validation])
    assert len(set(GROUPS[validation])) == 8
    at_random = validation_split(LABELS, 0.2, seed=1)
    assert set(GROUPS[at_random[0]]) & set(GROUPS[at_random[1]])


def test_a_part_without_one_class_is_an_error():
    labels = np.array([0] * 9 + [1])
    with pytest.raises(DataError, match="part .* has no text of class 1"):
        validation_split(labels, 0.2, seed=0)


def test_of_several_classes_each_gives_its_share():
    labels = np.repeat([0, 1, 2, 3], [50, 30, 10, 1])
    train, validation = validation_split(labels, 0.2, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(91))
    assert np.bincount(labels[validation]).tolist() == [10, 6, 2]
    assert validation.tolist() == sorted(validation) != list(range(18))
    assert validation_split(labels, 0.2, seed=1)[1].tolist() != validation.tolist()


def test_films_may_leave_a_rare_class_out_of_what_validates():
    labels = np.array([0, 1, 2, 0, 1, 0, 1, 0])
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    for seed in range(9):
        try:
            train, _ = validation_split(labels, 0.3, seed=seed, groups=groups)
        except DataError as error:
            assert "The training part" in str(error)  # noqa: PT017
        else:
            assert set(labels[train]) == {0, 1, 2}


@pytest.mark.parametrize("groups", [None, np.zeros(4)])
def test_an_empty_part_is_an_error(groups):
    labels = np.array([0, 1, 0, 1])
    message = r"4 texts can't be divided with a validation_fraction of 0.999: one of the parts"
    with pytest.raises(DataError, match=message):
        validation_split(labels, 0.999, seed=0, groups=groups)


@pytest.mark.parametrize("count", [3, 5])
def test_a_group_for_each_text(count):
    with pytest.raises(DataError, match=rf"a group for each of 4 texts. Received: \({count},\)"):
        validation_split(np.array([0, 1, 0, 1]), 0.5, seed=0, groups=np.arange(count))


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_text_without_a_group(nothing):
    for groups in ([nothing, "b", "c", "d"], np.array(["a", nothing, "c", "d"], object)):
        with pytest.raises(DataError, match="a group for each text. Received (None|nan) for text"):
            validation_split(np.array([0, 1, 0, 1]), 0.5, seed=0, groups=groups)


def test_groups_of_any_kind_are_on_one_side():
    labels = np.arange(40) % 2
    for groups in (np.arange(40) // 4, [f"film {n // 4}" for n in range(40)]):
        for given in (groups, np.array(groups, object)):
            train, validation = validation_split(labels, 0.25, seed=1, groups=given)
            names = np.asarray(groups)
            assert not set(names[train].tolist()) & set(names[validation].tolist())


@pytest.mark.parametrize("seed", range(30))
def test_each_of_two_classes_validates_however_rare(seed):
    labels = np.array([0] * 3 + [1] * 57)
    train, validation = validation_split(labels, 0.2, seed=seed)
    for part in (train, validation):
        assert np.unique(labels[part]).tolist() == [0, 1]
    assert sorted([*train, *validation]) == list(range(60))
    with pytest.raises(DataError, match="has no text of class 0"):
        validation_split(np.array([0] + [1] * 57), 0.2, seed=seed)


@pytest.mark.parametrize("count", [10, 11, 997])
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.25, 0.333])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_parts_are_those_of_scikit_learn(count, fraction, seed):
    labels = np.arange(count) % 2
    indices = np.arange(count)
    groups = np.random.default_rng(seed).integers(0, count // 2, count).astype(str)
    expected = train_test_split(indices, test_size=fraction, random_state=seed)
    splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    by_film = next(splitter.split(indices, labels, groups))
    for theirs, films in ((expected, None), (by_film, groups)):
        missing = [len(np.unique(labels[part])) < 2 for part in theirs]
        if any(missing) and films is not None:
            with pytest.raises(DataError, match="has no text of class"):
                validation_split(labels, fraction, seed=seed, groups=films)
        if any(missing):
            continue
        ours = validation_split(labels, fraction, seed=seed, groups=films)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, np.sort(other))
