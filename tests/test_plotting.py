import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgb

from sentiment_rnn.plotting import (
    CELL_COLOURS,
    plot_accuracies,
    plot_calibration,
    plot_cell,
    plot_history,
    plot_importances,
    plot_thoughts,
    plot_thresholds,
    plot_trials,
)

HOSTILE = "$x$ \\alpha \0\t\x7f\u202e שלום é e\u0301 😀 漢 \ud800 </script>"


def colours(figure):
    """The colour of each character, ``(characters, 3)``."""
    (squares,) = figure.axes[0].collections
    squares.update_scalarmappable()
    return squares.get_facecolor()[:, :3]


def test_history_of_two_epochs():
    losses = {"loss": [0.6, 0.5], "accuracy": [0.7, 0.8]}
    figure = plot_history(losses | {f"val_{name}": values for name, values in losses.items()})
    drawn = figure.axes[1].lines[0]
    np.testing.assert_array_equal(drawn.get_xydata(), [[1, 0.7], [2, 0.8]])
    assert drawn.get_label() == "training"


def test_a_cell_is_blue_below_zero_and_green_above():
    found = colours(plot_cell("abc", np.array([-1.0, 0.0, 1.0])))
    expected = [to_rgb(colour) for colour in CELL_COLOURS]
    # The scale has 256 steps, of which two share the middle.
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_the_scale_is_one_unless_a_cell_goes_further():
    half, four = np.array([0.5, 0.0]), np.array([4.0, 0.0])
    for activations, limit, expected in ((half, None, "1"), (four, None, "4"), (half, 0.5, "0.5")):
        figure = plot_cell("ab", activations, limit=limit)
        labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
        assert labels == [f"\N{MINUS SIGN}{expected}", "0", expected]


def test_lines_wrap():
    figure = plot_cell("abcde\nf", np.zeros(7), width=3)
    places = [(text.get_text(), *text.get_position()) for text in figure.axes[0].texts]
    arrow = "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"
    assert places == [
        ("a", 0.5, 0.5),
        ("b", 1.5, 0.5),
        ("c", 2.5, 0.5),
        ("d", 0.5, 1.5),
        ("e", 1.5, 1.5),
        (arrow, 2.5, 1.5),
        ("f", 0.5, 2.5),
    ]


def test_letters_stay_in_their_column():
    """A text's letters are as wide as a column at most, so that none covers the next."""
    figure = plot_cell("WM@", np.zeros(3))
    axes = figure.axes[0]
    column = np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])[0]
    for text in axes.texts:
        assert 0.7 * column < text.get_window_extent().width <= column


def test_any_text_can_be_drawn(tmp_path):
    """Nothing is read as mathematics, and no glyph is missing, of which Matplotlib would warn."""
    figure = plot_cell(HOSTILE, np.zeros(len(HOSTILE)), title="$x$ \\alpha")
    for name in ("cell.png", "cell.pdf", "cell.svg"):
        figure.savefig(tmp_path / name)
    assert (tmp_path / "cell.png").read_bytes().startswith(b"\x89PNG")
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert "".join(shown[:10]) == "$x$ \\alpha"
    assert shown[HOSTILE.index("\ud800")] == "\N{REPLACEMENT CHARACTER}"
    assert shown[HOSTILE.index("\u202e")] == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "activations"), [("", []), ("ab", [0.0]), ("a", [[0.0]]), ("a", [np.nan])]
)
def test_activations_that_are_not_those_of_the_text(text, activations):
    with pytest.raises(ValueError, match="one finite activation for each of its characters"):
        plot_cell(text, np.array(activations))


@pytest.mark.parametrize("wrong", [{"width": 0}, {"limit": 0.0}, {"limit": np.nan}])
def test_a_width_or_limit_that_makes_no_sense(wrong):
    with pytest.raises(ValueError, match="Expected a width and a limit above 0. Received: "):
        plot_cell("a", np.zeros(1), **wrong)


def heights(axes):
    (bars,) = axes.containers
    return list(bars.datavalues)


def test_calibration():
    curve = [
        {"texts": 3, "probability": 0.1, "share": 0.0},
        {"texts": 40, "probability": 0.9, "share": 0.7},
    ]
    above, below = plot_calibration(curve).axes
    np.testing.assert_array_equal(above.lines[1].get_xydata(), [[0.1, 0.0], [0.9, 0.7]])
    assert heights(below) == [3, 40]


def test_thresholds():
    labels, probabilities = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    left, right = plot_thresholds(labels, probabilities).axes
    expected = [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    np.testing.assert_array_equal(left.lines[1].get_xydata(), expected)
    # With a threshold of 0.4 both are found, and one more.
    assert [1.0, 2 / 3] in np.array(right.lines[1].get_xydata()).tolist()


def test_thought_vectors_on_a_plane():
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    directions = np.linalg.qr(random.normal(size=(7, 7)))[0]
    vectors = random.normal(size=(90, 7)) * [9, 4, *[0.1] * 5] @ directions.T
    wrong = labels == 2
    (axes,) = plot_thoughts(vectors, labels, ("a", "b", "c"), wrong).axes
    *classes, rings = (np.array(one.get_offsets()) for one in axes.collections)
    assert [len(one) for one in (*classes, rings)] == [30] * 4
    np.testing.assert_array_equal(classes[2], rings)
    points = np.empty((90, 2))
    for number, one in enumerate(classes):
        points[labels == number] = one
    # The plane of the two directions that were made long, up to their signs.
    expected = (vectors - vectors.mean(axis=0)) @ directions[:, :2]
    np.testing.assert_allclose(
        np.abs(np.corrcoef(points.T, expected.T)[:2, 2:]), np.eye(2), atol=0.1
    )
    _, shown = axes.get_legend_handles_labels()
    assert shown == ["a", "b", "c", "classified wrongly"]


def test_accuracies_side_by_side():
    parts = {"rating": {"1": 0.5, "2": 0.75}, "known tokens": {"1 to\n9": 1.0}}
    first, second = plot_accuracies(parts).axes
    assert heights(first) == [0.5, 0.75]
    assert (first.get_xlabel(), second.get_xlabel()) == ("rating", "known tokens")


@pytest.mark.parametrize("name", [r"$\foo$", "$x^2$", r"\$5 or $9", "100 $"])
def test_names_with_dollars_are_drawn_as_they_are(tmp_path, name):
    vectors = np.eye(3)
    wrong = np.zeros(3, bool)
    figures = [
        plot_history({name: [1.0], f"val_{name}": [1.0], "loss": [1.0], "val_loss": [1.0]}),
        plot_accuracies({name: {name: 0.5}}),
        plot_importances({name: 1.0}),
        plot_thoughts(vectors, np.array([0, 1, 0]), (name, "b"), wrong),
    ]
    for figure in figures:
        with rc_context({"svg.fonttype": "none"}):
            figure.savefig(tmp_path / "figure.svg")
        assert f">{name}</text>" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_trials():
    axes = plot_trials({4: 0.6, 0: 0.5, 2: 0.7}, {1: 0.4}).axes[0]
    best, complete, pruned = axes.lines
    np.testing.assert_array_equal(best.get_xydata(), [[0, 0.5], [2, 0.7], [4, 0.7]])
    np.testing.assert_array_equal(complete.get_xydata(), [[4, 0.6], [0, 0.5], [2, 0.7]])
    np.testing.assert_array_equal(pruned.get_xydata(), [[1, 0.4]])
    assert pruned.get_label() == "ended early"


def test_importances_stand_in_their_order():
    axes = plot_importances({"units": 0.9, "cell": 0.1}).axes[0]
    (bars,) = axes.containers
    assert [bar.get_width() for bar in bars] == [0.9, 0.1]
    upper, lower = (axes.transData.transform((0, bar.get_y()))[1] for bar in bars)
    assert upper > lower
