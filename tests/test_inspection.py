import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sentiment_rnn import inspection
from sentiment_rnn.inspection import (
    PROPERTIES,
    CellScore,
    linear_probe,
    rank_by_label,
    rank_cells,
    top_next,
    unvarying,
)

TEXT = 'He said (in a "loud" voice):\nROMEO, isn\'t it {unbelievably [so]}?\n\nI. Who?'


def marks(name, text):
    """Where a property holds, as a string to compare with the text above it."""
    return "".join("x" if holds else "." for holds in PROPERTIES[name](text))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("inside quotes", 'a "b" “c” "d', "..xx..xx..xx"),
        ("inside quotes", "don't 'go' ’tis", "..............."),
        ("inside quotes", '"a\nb\n\nc', "xxxxx.."),
        ("inside quotes", '"a”b“c', "xx..xx"),
        ("inside brackets", "a(b[c]d)e)f(g", ".xxxxxx....xx"),
        ("inside brackets", "{a}", "xx."),
        ("after a newline", "ab\n\ncd", "x..xx."),
        ("newline next", "ab\n\ncd\n", ".xx..x."),
        ("capital next", "a B CÉ ß", ".x.xx..."),
        ("in capitals", "I AM Romeo USA", "...x........xx"),
        ("sentence end", '. "A!" b… 3.', "xxx.xxx.xx.x"),
        ("sentence end", " a", ".."),
        ("word start", "to be, isn't 'it' 2x", "x..x...x......x...x."),
        ("word start", "rock’n’roll 'n", "x............x"),
        ("over 8 letters into a word", "abcdefgh abcdefghij k", ".................xx.."),
    ],
)
def test_where_a_property_holds(name, text, expected):
    assert marks(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("position in line", "ab\n\nc", [0, 1, 2, 0, 0]),
        ("position in word", "ab c'd ", [1, 2, 0, 1, 2, 3, 0]),
    ],
)
def test_a_property_that_is_a_number(name, text, expected):
    values = PROPERTIES[name](text)
    assert values.dtype == np.float64
    assert values.tolist() == expected


@given(st.text(alphabet="ab A.\n\"“”(){}'’é\0\u2028😀", max_size=40))
def test_a_property_has_a_value_for_each_character(text):
    for name, function in PROPERTIES.items():
        values = function(text)
        assert values.shape == (len(text),), name
        assert values.dtype in (bool, np.float64), name


@given(st.text(alphabet="ab A.\n\"“”()[]'", max_size=20), st.text(alphabet='b A\n")', max_size=9))
def test_what_comes_later_changes_nothing_before(text, later):
    """A cell can know only what it has read; two properties look one character ahead."""
    for name, function in PROPERTIES.items():
        # Whether an apostrophe is part of a word is seen at the next character.
        end = max(len(text) - 1, 0)
        if not name.endswith("next"):
            before, after = function(text)[:end], function(text + later)[:end]
            np.testing.assert_array_equal(before, after, err_msg=name)


def by_cell(scores, name):
    return {(score.layer, score.cell): score for score in scores if score.property == name}


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("block", [inspection.BLOCK, 1, 5 * len(TEXT)])
def test_scores_are_those_of_numpy_and_scikit_learn(decimals, block, monkeypatch):
    """With one decimal most values are tied; blocks that don't divide the cells change nothing."""
    monkeypatch.setattr(inspection, "BLOCK", block)
    states = np.random.default_rng(0).uniform(-1, 1, (len(TEXT), 3, 4)).round(decimals)
    states = states.astype(np.float32)
    scores = rank_cells(states, TEXT)
    for name, function in PROPERTIES.items():
        truth, found = function(TEXT), by_cell(scores, name)
        assert len(found) == 12
        for (layer, cell), score in found.items():
            values = states[:, layer, cell].astype(np.float64)
            assert score.correlation == pytest.approx(np.corrcoef(truth, values)[0, 1], abs=1e-12)
            if truth.dtype == bool:
                auc = roc_auc_score(truth, values)
                assert score.auc == pytest.approx(max(auc, 1 - auc), abs=1e-12)
                assert score.sign == (1 if auc >= 0.5 else -1)
            else:
                assert score.auc is None
                assert score.sign == np.sign(score.correlation)


def test_the_best_cell_comes_first():
    random = np.random.default_rng(0)
    states = random.uniform(-1, 1, (len(TEXT), 2, 5))
    states[:, 1, 3] = -1.0 * PROPERTIES["inside brackets"](TEXT)
    states[:, 0, 2] = 0.01 * PROPERTIES["position in line"](TEXT)
    scores = rank_cells(states, TEXT)
    names = [score.property for score in scores]
    assert names == [name for name in PROPERTIES for _ in range(10)]
    brackets = [score for score in scores if score.property == "inside brackets"]
    assert (brackets[0].layer, brackets[0].cell) == (1, 3)
    assert (brackets[0].auc, brackets[0].sign) == (1.0, -1)
    assert brackets[0].correlation == pytest.approx(-1)
    aucs = [score.auc or 0 for score in brackets]
    assert aucs == sorted(aucs, reverse=True)
    line = [score for score in scores if score.property == "position in line"]
    assert (line[0].layer, line[0].cell, line[0].auc, line[0].sign) == (0, 2, None, 1)
    assert line[0].correlation == pytest.approx(1)
    sizes = [abs(score.correlation) for score in line]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3])
def test_a_cell_that_never_changes_tracks_nothing(value):
    states = np.full((len(TEXT), 1, 1), value, np.float32)
    for score in rank_cells(states, TEXT):
        assert score.correlation == 0
        assert score.auc in (None, 0.5)
        assert score.sign == 1


def test_what_never_changes_is_left_out_and_named():
    text = "all the same"
    missing = ["inside quotes", "inside brackets", "newline next", "capital next", "in capitals"]
    missing += ["sentence end", "over 8 letters into a word"]
    assert unvarying(text) == missing
    scores = rank_cells(np.random.default_rng(0).normal(size=(len(text), 1, 2)), text)
    assert {score.property for score in scores} == set(PROPERTIES) - set(missing)
    assert rank_cells(np.zeros((1, 1, 1)), "a") == []
    assert unvarying("a") == list(PROPERTIES)


def test_properties_of_ones_own():
    properties = {"vowel": lambda text: np.array([c in "aeiou" for c in text])}
    states = np.array([0.1, 0.9, 0.2, 0.8])[:, np.newaxis, np.newaxis]
    (score,) = rank_cells(states, "taco", properties)
    expected = np.corrcoef([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8])[0, 1]
    assert score == CellScore("vowel", 0, 0, score.correlation, 1.0, 1)
    assert score.correlation == pytest.approx(expected)


def test_arguments_are_not_changed():
    states = np.random.default_rng(0).normal(size=(len(TEXT), 2, 3))
    before = states.copy()
    rank_cells(states, TEXT)
    np.testing.assert_array_equal(states, before)


@pytest.mark.parametrize("shape", [(3, 2), (4, 1, 2), (3, 0, 2), (3, 1, 0)])
def test_states_that_are_not_those_of_the_text(shape):
    with pytest.raises(ValueError, match=r"Expected states \(3, layers, units\).*Received: \("):
        rank_cells(np.zeros(shape), "a b")


def test_no_text():
    with pytest.raises(ValueError, match="Expected a text of at least one character"):
        rank_cells(np.zeros((0, 1, 1)), "")


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_states_that_are_no_numbers(wrong):
    states = np.zeros((3, 2, 2))
    states[1, 1, 0] = wrong
    with pytest.raises(ValueError, match=f"{wrong} after character 1, in layer 1, cell 0"):
        rank_cells(states, "a b")


@pytest.mark.parametrize("values", [[0, 0], [0, np.nan, 1]])
def test_a_property_that_does_not_fit(values):
    with pytest.raises(ValueError, match=r"property 'odd' one finite number for each of 3"):
        rank_cells(np.zeros((3, 1, 1)), "a b", {"odd": lambda text: np.array(values)})


def test_the_most_likely_next():
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
    ids, best = top_next(probabilities, k=3)
    assert ids.tolist() == [[3, 2, 1], [0, 1, 2]]
    assert best.tolist() == [[0.4, 0.3, 0.2], [0.25, 0.25, 0.25]]
    assert top_next(probabilities)[0].shape == (2, 4)


@pytest.mark.parametrize(("shape", "k"), [((4,), 1), ((2, 4), 0)])
def test_no_most_likely_next(shape, k):
    with pytest.raises(ValueError, match=r"Expected probabilities \(characters, symbols\) and k"):
        top_next(np.zeros(shape), k)


def test_cells_that_tell_the_class():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    states = random.normal(size=(400, 2, 5))
    states[:, 1, 3] -= 2 * labels
    states[:, 0, 2] += labels
    ranking = rank_by_label(states, labels)
    assert len(ranking) == 10
    assert [(one.layer, one.cell, one.sign) for one in ranking[:2]] == [(1, 3, -1), (0, 2, 1)]
    for one in ranking:
        values = one.sign * states[:, one.layer, one.cell]
        assert one.property == "positive"
        assert one.auc == pytest.approx(roc_auc_score(labels, values))
    assert rank_by_label(states, np.ones(400)) == []


def test_a_probe_uses_all_cells():
    random = np.random.default_rng(0)
    states = random.normal(size=(2000, 1, 6)) * [1, 10, 100, 1, 1, 1]
    labels = (states[:, 0, 1] / 10 + states[:, 0, 2] / 100 > 0).astype(int)
    learned, tested = states[:1000], states[1000:]
    best, *_ = rank_by_label(tested, labels[1000:])
    assert best.auc is not None
    assert best.auc < 0.9 < 0.97 < linear_probe(learned, labels[:1000], tested, labels[1000:])


@pytest.mark.parametrize(
    ("states", "labels", "message"),
    [
        (np.zeros((2, 3)), np.zeros(2), "Received: (2, 3) and (2,)"),
        (np.zeros((2, 1, 3)), np.zeros(3), "Received: (2, 1, 3) and (3,)"),
        (np.array([[[0.0]], [[np.nan]]]), np.zeros(2), "nan for text 1, in layer 0, cell 0"),
    ],
)
def test_what_can_not_be_ranked_by_label(states, labels, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        rank_by_label(states, labels)
