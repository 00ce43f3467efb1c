import os

import numpy as np
import pytest

from sentiment_rnn.errors import ResourceError
from sentiment_rnn.explanation_page import following_neurons, write_page
from sentiment_rnn.prediction import Explanation, TokenExplanation
from tests.pages import HOSTILE, Elements, assert_asks_for_nothing_else, data_of

CLASSES = ("negative", "positive")
# Characters beyond 16 bits too: JavaScript counts them as two.
TEXT = "😀 Dull at first,\nxyzzy then lovely."
TOKENS = [
    ("😀", 0, 1, 0.5, 0.0),
    ("Dull", 2, 6, 0.2, -2.0),
    ("at", 7, 9, 0.25, 0.1),
    ("first", 10, 15, 0.3, 0.5),
    (",", 15, 16, 0.3, -0.2),
    ("xyzzy", 17, 22, 0.3, None),
    ("then", 23, 27, 0.4, 0.02),
    ("lovely", 28, 34, 0.9, 4.0),
    (".", 34, 35, 0.999, 1.0),
]


def made(text=TEXT, tokens=TOKENS, units=7, classes=CLASSES):
    states = np.random.default_rng(0).normal(size=(len(tokens), units))
    probability = tokens[-1][3] if tokens else 0.5
    return Explanation(
        text,
        classes[int(probability > 0.5)],
        (1 - probability, probability),
        False,
        class_names=classes,
        classes=classes,
        before=0.5,
        tokens=[TokenExplanation(*token) for token in tokens],
        states=states,
    )


def page_of(folder, *explanations, title="A title"):
    path = folder / "page.html"
    write_page(path, explanations or [made()], title=title)
    return path


def test_a_page_holds_the_explanation(tmp_path):
    (one,) = data_of(page_of(tmp_path))["texts"]
    assert (one["text"], one["label"], one["probability"]) == (TEXT, "positive", 0.999)
    assert one["tokens"] == [TokenExplanation(*token)._asdict() for token in TOKENS]
    explanation = made()
    for neuron, (number, correlation) in zip(
        one["neurons"], following_neurons(explanation), strict=True
    ):
        assert (neuron["number"], neuron["correlation"]) == (number, round(correlation, 3))
        expected = explanation.states[:, number]
        np.testing.assert_allclose(neuron["outputs"], expected, atol=6e-4)


def test_neurons_that_follow_the_verdict():
    explanation = made()
    read = [place for place, token in enumerate(TOKENS) if token[4] is not None]
    odds = np.log([TOKENS[place][3] / (1 - TOKENS[place][3]) for place in read])
    states = explanation.states
    states[read, 4] = 0.1 * odds + 3
    states[read, 2] = -odds + np.linspace(0, 0.5, len(read))
    states[:, 5] = 0.25
    # What isn't read counts nowhere.
    states[5, 4] = 99
    found = following_neurons(explanation, count=6)
    assert [number for number, _ in found][:2] == [4, 2]
    assert found[0][1] == pytest.approx(1)
    assert -1 < found[1][1] < -0.95
    assert 5 not in [number for number, _ in found]
    for number, correlation in found:
        assert correlation == pytest.approx(np.corrcoef(odds, states[read, number])[0, 1])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_of_too_few_tokens_no_neuron_follows_the_verdict(count):
    assert following_neurons(made(tokens=TOKENS[:count])) == []


def test_a_verdict_that_never_changes_is_followed_by_none():
    tokens = [(*token[:3], 1.0, 0.0) for token in TOKENS]
    assert following_neurons(made(tokens=tokens)) == []


def test_a_page_asks_for_nothing_else(tmp_path):
    assert_asks_for_nothing_else(page_of(tmp_path))


def test_no_text_becomes_an_element(tmp_path):
    plain = Elements(page_of(tmp_path).read_text(encoding="utf-8"))
    hostile = made(HOSTILE, [("x", 0, 9, 0.5, 1.0)], classes=(HOSTILE, HOSTILE))
    path = page_of(tmp_path, hostile, title=HOSTILE)
    assert [tag for tag, _ in Elements(path.read_text(encoding="utf-8")).tags] == [
        tag for tag, _ in plain.tags
    ]


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    path = page_of(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Expected at least one text to show. Received: none"):
        write_page(path, [], title="")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["page.html"]
    with pytest.raises(ResourceError, match="Could not write"):
        write_page(path / "below", [made()], title="")


# In a browser, where there is one.

SHARES = """Array.from(document.querySelectorAll(".text .t"), token => {
    const share = parseFloat(token.style.getPropertyValue("--a")) / 100;
    if (token.classList.contains("unread")) return null;
    return token.classList.contains("neg") ? -share : token.classList.contains("pos") ? share : 0;
})"""
ABOUT = 'document.querySelector("output").textContent'
NOW = 'Array.from(document.querySelectorAll(".text .now"), token => token.textContent)'


def test_tokens_are_shaded_by_what_they_add(browser, tmp_path):
    browser.open(page_of(tmp_path).as_uri())
    assert browser.errors == []
    assert browser.run('document.querySelector(".text").textContent') == TEXT
    shown = browser.run('Array.from(document.querySelectorAll(".text .t"), t => t.textContent)')
    assert shown == [token[0] for token in TOKENS]
    expected = [
        None if token[4] is None else token[4] / 4 if abs(token[4]) > 4 / 50 else 0
        for token in TOKENS
    ]
    assert browser.run(SHARES) == pytest.approx(expected, abs=0.006)
    colour = "token => getComputedStyle(token).backgroundColor"
    backgrounds = browser.run(f'Array.from(document.querySelectorAll(".text .t"), {colour})')
    # Those of six shares, and none where a token is not read or adds next to nothing.
    assert len(set(backgrounds)) == 7
    assert browser.run('document.querySelector("h2").textContent') == "1. positive, 99.9 % sure"
    assert browser.run('document.querySelector(".legend").textContent').count("4.00") == 2


def test_the_slider_reads_on(browser, tmp_path):
    browser.open(page_of(tmp_path).as_uri())
    assert browser.run(NOW) == ["."]
    browser.run('document.querySelector("input").focus()')
    for _ in range(2):
        browser.press("ArrowLeft")
    assert browser.run(NOW) == ["then"]
    assert browser.run(ABOUT) == "After “then”, 7 of 9: 40 % positive; adds +0.02 in the end."
    browser.press("ArrowLeft")
    assert browser.run(ABOUT) == "After “xyzzy”, 6 of 9: 30 % positive; not read."
    for _ in range(7):
        browser.press("ArrowLeft")
    assert browser.run(NOW) == []
    assert browser.run(ABOUT) == "Before the first token: 50 % positive."
    assert browser.errors == []


def test_reading_on_by_itself(browser, tmp_path):
    browser.open(page_of(tmp_path).as_uri())
    button = 'document.querySelector("button").textContent'
    browser.run('document.querySelector("button").focus()')
    browser.press("Enter")
    assert browser.run(f"[{button}, {ABOUT}]") == ["Stop", "Before the first token: 50 % positive."]
    browser.wait(f'{ABOUT}.startsWith("After “Dull”, 2 of 9")')
    browser.press("Enter")
    assert browser.run(button) == "Read on"
    stopped = browser.run('Number(document.querySelector("input").value)')
    assert 2 <= stopped < 9
    browser.press("Enter")
    browser.wait(f'{button} === "Read on"')
    assert browser.run(NOW) == ["."]
    assert browser.errors == []


def test_a_click_shows_how_far_the_verdict_was(browser, tmp_path):
    browser.open(page_of(tmp_path).as_uri())
    browser.run('document.querySelectorAll(".text .t")[1].click()')
    assert browser.run(NOW) == ["Dull"]
    assert browser.run(ABOUT) == "After “Dull”, 2 of 9: 20 % positive; adds −2.00 in the end."
    line = browser.run('document.querySelector("svg .at").getAttribute("x1")')
    assert float(line) == pytest.approx(1000 * 2 / 9)


def test_the_line_is_the_verdict_as_the_model_reads_on(browser, tmp_path):
    browser.open(page_of(tmp_path).as_uri())
    points = browser.run('document.querySelector("svg .path").getAttribute("points")')
    heights = [float(point.split(",")[1]) for point in points.split()]
    expected = [0.5, *(token[3] for token in TOKENS)]
    assert heights == pytest.approx([100 - 100 * share for share in expected])
    # What is filled reaches from the middle to the line, on its own side.
    for name, side in (("above", min), ("below", max)):
        code = f'document.querySelector("svg .{name}").getAttribute("points")'
        filled = [float(point.split(",")[1]) for point in browser.run(code).split()]
        assert all(side(height, 50) == height for height in filled)
        outside = [height for height in heights if side(height, 50) == height]
        assert set(outside) <= set(filled)


def test_a_neuron_colours_the_text(browser, tmp_path):
    explanation = made()
    browser.open(page_of(tmp_path, explanation).as_uri())
    (number, correlation), *_ = following_neurons(explanation)
    option = 'document.querySelector("select").options[1].textContent'
    sign = "−" if correlation < 0 else "+"
    name = f"neuron {number}, which follows the verdict ({sign}{abs(correlation):.2f})"
    assert browser.run(option) == name
    browser.run(
        """const select = document.querySelector("select");
        select.value = "0"; select.dispatchEvent(new Event("change")); 0"""
    )
    outputs = explanation.states[:, number]
    most = max(abs(outputs[place]) for place in range(9) if place != 5)
    expected = [None if place == 5 else outputs[place] / most for place in range(9)]
    assert browser.run(SHARES) == pytest.approx(expected, abs=0.025)
    assert f"the neuron is at {outputs[-1]:+.2f}".replace("-", "−") in browser.run(ABOUT)


@pytest.mark.parametrize("width", [1200, 390, 320])
def test_nothing_is_wider_than_the_window(browser, tmp_path, width):
    path = page_of(tmp_path, made(), made("x" * 400, [("x", 0, 400, 0.3, 1.0)]), title="A t " * 40)
    browser.open(path.as_uri(), width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    unnamed = """Array.from(document.querySelectorAll("input, select"))
        .filter(control => !control.labels[0]?.textContent.trim()).length"""
    assert browser.run(unnamed) == 0


def test_texts_of_which_there_is_nothing_to_show(browser, tmp_path):
    unread = [("xyzzy", 0, 5, 0.5, None)]
    browser.open(page_of(tmp_path, made("", []), made("xyzzy", unread)).as_uri())
    assert browser.errors == []
    assert browser.run(ABOUT) == "Before the first token: 50 % positive."
    assert browser.run(SHARES) == [None]


def test_hostile_text_stays_text(browser, tmp_path):
    tokens = [("x", 0, 9, 0.5, 1.0), ("y", 9, 30, 0.5, -1.0)]
    hostile = made(HOSTILE, tokens, classes=(HOSTILE, HOSTILE))
    browser.open(page_of(tmp_path, hostile, title=HOSTILE).as_uri())
    assert browser.run("typeof bad") == "undefined"
    assert browser.errors == []
    whole = HOSTILE.replace("\ud83d", "\ufffd").replace("\ude00", "\ufffd")
    assert browser.run('document.querySelector(".text").textContent') == whole


def of_stars():
    tokens = [("A", 0, 1, 0.2, 0.1), ("film", 2, 6, 0.1, -0.5), ("!", 6, 7, 0.4, 0.9)]
    return Explanation(
        "A film!",
        "10",
        (0.1, 0.35, 0.15, 0.4),
        False,
        class_names=("1", "8", "9", "10"),
        classes=("not 10", "10"),
        before=0.25,
        tokens=[TokenExplanation(*token) for token in tokens],
        states=np.random.default_rng(0).normal(size=(3, 4)),
    )


def test_the_likeliest_of_many_classes(tmp_path, browser):
    browser.open(page_of(tmp_path, of_stars()).as_uri())
    assert browser.errors == []
    assert browser.run('document.querySelector("h2").textContent') == "1. class 10, 40 % sure"
    assert browser.run('document.querySelector("article p").textContent') == (
        "Next: 8 (35 %), 9 (15 %), 1 (10 %)."
    )
    # It is seen from where it begins: a quarter of the way up.
    assert browser.run('document.querySelector(".half").getAttribute("y1")') == "75"
    assert browser.run('document.querySelector("output").textContent') == (
        "After \u201c!\u201d, 3 of 3: 40 % class 10; adds +0.90 in the end."
    )
