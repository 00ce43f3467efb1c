import base64
import os

import numpy as np
import pytest

from sentiment_rnn.character_page import write_page
from sentiment_rnn.errors import ResourceError
from sentiment_rnn.inspection import CellScore, rank_cells
from tests.pages import HOSTILE, Elements, assert_asks_for_nothing_else, data_of

TEXT = 'To be,\nor "not" to BE?\nYes.'


def made(text, seed=0, layers=2, units=5, symbols=None):
    """Made-up states and probabilities of a text."""
    random = np.random.default_rng(seed)
    symbols = "".join(sorted(set(text))) if symbols is None else symbols
    states = random.uniform(-1, 1, (len(text), layers, units)).astype(np.float32)
    probabilities = random.dirichlet(np.full(len(symbols), 0.3), len(text)).astype(np.float32)
    return states, probabilities, symbols


def page_of(folder, text=TEXT, title="A title", ranking=None, **options):
    states, probabilities, symbols = made(text, **options)
    path = folder / "page.html"
    write_page(path, text, states, probabilities, symbols, title=title, ranking=ranking)
    return path, states, probabilities, symbols


def decoded(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_a_page_holds_the_states(tmp_path):
    path, states, _, _ = page_of(tmp_path)
    data = data_of(path)
    ranges = np.array(data["ranges"]).reshape(2, 5)
    np.testing.assert_allclose(ranges, np.abs(states).max(axis=0), rtol=1e-3)
    cells = decoded(data["states"], np.int8).reshape(2, 5, len(TEXT))
    np.testing.assert_allclose(cells.transpose(2, 0, 1) / 127 * ranges, states, atol=0.006)
    assert (data["scale"], data["text"]) == (1, TEXT)


def test_a_page_holds_the_most_likely_next(tmp_path):
    path, _, probabilities, symbols = page_of(tmp_path)
    data = data_of(path)
    ids = decoded(data["ids"], "<u4").reshape(-1, 5)
    shares = decoded(data["probabilities"], np.uint8).reshape(-1, 5) / 255
    for place, row in enumerate(probabilities):
        best = sorted(range(len(symbols)), key=lambda symbol: -row[symbol])[:5]
        assert [data["symbols"][at] for at in ids[place]] == [symbols[at] for at in best]
        np.testing.assert_allclose(shares[place], row[best], atol=0.002)


def test_states_beyond_one_widen_the_scale(tmp_path):
    states, probabilities, symbols = made(TEXT)
    write_page(tmp_path / "a", TEXT, states * 7.5, probabilities, symbols, title="")
    assert data_of(tmp_path / "a")["scale"] == pytest.approx(7.5, rel=0.03)


def test_cells_that_are_always_zero(tmp_path):
    _, probabilities, symbols = made(TEXT)
    states = np.zeros((len(TEXT), 1, 2))
    write_page(tmp_path / "a", TEXT, states, probabilities, symbols, title="")
    assert not decoded(data_of(tmp_path / "a")["states"], np.int8).any()


def test_fewer_symbols_than_guesses(tmp_path):
    path, *_ = page_of(tmp_path, "abab")
    assert data_of(path)["k"] == 2


def test_the_ranking_is_that_of_the_text(tmp_path):
    path, states, _, _ = page_of(tmp_path)
    data = data_of(path)
    scores = rank_cells(states, TEXT)
    for group in data["ranking"]:
        best = [score for score in scores if score.property == group["property"]][:5]
        assert [cell[:2] for cell in group["cells"]] == [[s.layer, s.cell] for s in best]
    assert len(data["ranking"]) == len({score.property for score in scores})
    assert "not ranked: inside brackets, over 8 letters into a word." in data["caption"]


def test_the_ranking_may_be_of_another_text(tmp_path):
    ranking = [
        CellScore("length", 1, 4, 0.99, None, 1),
        CellScore("rhyme", 0, 2, -0.5, 0.9, -1),
        CellScore("rhyme", 1, 3, 0.2, 0.7, 1),
    ]
    data = data_of(page_of(tmp_path, ranking=ranking)[0])
    assert data["ranking"] == [
        {"property": "length", "cells": [[1, 4, None, 0.99, False]]},
        {"property": "rhyme", "cells": [[0, 2, 0.9, -0.5, True], [1, 3, 0.7, 0.2, False]]},
    ]
    # The page opens at the cell of the highest AUC.
    assert data["first"] == [0, 2]
    assert data_of(page_of(tmp_path, ranking=[])[0])["first"] == [0, 0]


def test_a_page_asks_for_nothing_else(tmp_path):
    assert_asks_for_nothing_else(page_of(tmp_path)[0])


def test_no_text_becomes_an_element(tmp_path):
    plain = Elements(page_of(tmp_path)[0].read_text(encoding="utf-8"))
    ranking = [CellScore(HOSTILE, 0, 0, 0.5, 0.5, 1)]
    path, *_ = page_of(tmp_path, HOSTILE, title=HOSTILE, ranking=ranking)
    hostile = Elements(path.read_text(encoding="utf-8"))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    whole = HOSTILE.replace("\ud83d", "\ufffd").replace("\ude00", "\ufffd")
    data = data_of(path)
    assert data["text"] == data["ranking"][0]["property"] == whole


def test_a_page_is_small(tmp_path):
    text = (TEXT * 80)[:2000]
    path, *_ = page_of(tmp_path, text, units=128)
    assert path.stat().st_size < 900_000


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    path, states, probabilities, symbols = page_of(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        write_page(path, TEXT, states[1:], probabilities, symbols, title="")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["page.html"]
    with pytest.raises(ResourceError, match="Could not write"):
        write_page(path / "below", TEXT, states, probabilities, symbols, title="")


def test_probabilities_that_do_not_fit(tmp_path):
    states, probabilities, symbols = made(TEXT)
    for wrong in (probabilities[1:], probabilities[:, 1:], probabilities[0]):
        with pytest.raises(ValueError, match=r"Expected probabilities \(27, \d+\), one of each"):
            write_page(tmp_path / "a", TEXT, states, wrong, symbols, title="")
    for number in (-0.1, 1.5, np.nan):
        wrong = probabilities.copy()
        wrong[2, 3] = number
        with pytest.raises(ValueError, match="Expected probabilities from 0 to 1. Received: "):
            write_page(tmp_path / "a", TEXT, states, wrong, symbols, title="")
    assert not (tmp_path / "a").exists()


# In a browser, where there is one.


SHARES = """Array.from(document.querySelectorAll(".c > :first-child"), top => {
    const share = parseFloat(top.style.getPropertyValue("--a")) / 100;
    return share * ({neg: -1, pos: 1}[top.className] ?? 0);
})"""
SHOWN = '[layer, cell, $("layer").value, $("slider").value, $("number").value].map(Number)'


def colours(browser):
    code = ".map(top => getComputedStyle(top).backgroundColor + getComputedStyle(top).boxShadow)"
    return browser.run(f'Array.from(document.querySelectorAll(".c > :first-child")){code}')


def test_the_text_is_coloured_by_the_cell_that_the_address_names(browser, tmp_path):
    path, states, _, _ = page_of(tmp_path)
    drawn = []
    for layer, cell in ((0, 0), (1, 3)):
        browser.open(f"{path.as_uri()}#layer={layer}&cell={cell}")
        assert browser.run(SHOWN) == [layer, cell, layer, cell, cell]
        np.testing.assert_allclose(browser.run(SHARES), states[:, layer, cell], atol=0.015)
        drawn.append(colours(browser))
        assert len(set(drawn[-1])) > 10
        assert browser.errors == []
    assert drawn[0] != drawn[1]
    # The hash of an open page, as a link to it changes it.
    browser.run("location.hash = '#layer=0&cell=0'; 0")
    browser.wait("layer === 0 && cell === 0")
    assert colours(browser) == drawn[0]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("#layer=9&cell=99", [1, 4]), ("#layer=-1&cell=x", [0, 0]), ("#%00<b>", [1, 3]), ("", [1, 3])],
)
def test_an_address_that_names_no_cell(browser, tmp_path, address, expected):
    path, *_ = page_of(tmp_path, ranking=[CellScore("rhyme", 1, 3, 0.5, 0.9, 1)])
    browser.open(path.as_uri() + address)
    assert browser.run(SHOWN)[:2] == expected
    assert browser.errors == []


def test_guesses_stand_under_each_character(browser, tmp_path):
    path, _, probabilities, symbols = page_of(tmp_path)
    browser.open(path.as_uri())
    columns = browser.run(
        """Array.from(document.querySelectorAll(".c"), column =>
            Array.from(column.querySelectorAll("small"), guess =>
                [guess.textContent, guess.style.getPropertyValue("--p"), guess.className]))"""
    )
    assert len(columns) == len(TEXT)
    stand_ins = {"\n": "⏎", " ": "␣"}
    for place, column in enumerate(columns):
        row = probabilities[place]
        best = np.argsort(-row)[:5]
        shown = [stand_ins.get(symbols[at], symbols[at]) for at in best]
        assert [text for text, _, _ in column] == shown
        shares = [float(share.rstrip("%")) / 100 for _, share, _ in column]
        np.testing.assert_allclose(shares, row[best], atol=0.01)
        came = [symbols[at] == TEXT[place + 1 : place + 2] for at in best]
        assert [name == "came" for _, _, name in column] == came


def test_keys_change_the_cell(browser, tmp_path):
    path, *_ = page_of(tmp_path)
    browser.open(f"{path.as_uri()}#layer=1&cell=3")
    for key, expected in (
        ("ArrowRight", 4),
        ("ArrowRight", 4),  # the last
        ("ArrowLeft", 3),
        ("ArrowLeft", 2),
    ):
        browser.press(key)
        assert browser.run(SHOWN)[:2] == [1, expected]
    # The address follows.
    browser.wait("location.hash === '#layer=1&cell=2'")
    # From the slider too, by one and not by two.
    browser.run('$("slider").focus()')
    browser.press("ArrowRight")
    assert browser.run(SHOWN) == [1, 3, 1, 3, 3]
    # All controls can be reached and have a name; where the focus is can be seen.
    browser.run('$("layer").focus()')
    reached = []
    for number in range(7):
        if number:
            browser.press("Tab")
        reached.append(browser.run("document.activeElement.id || document.activeElement.tagName"))
        assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    ordered = ["layer", "slider", "number", "stretch", "guesses", "SUMMARY", "BUTTON"]
    assert reached == ordered
    unnamed = """Array.from(document.querySelectorAll("input, select"))
        .filter(control => !control.labels[0]?.textContent.trim()).length"""
    assert browser.run(unnamed) == 0
    browser.press("Enter")
    row = 'document.activeElement.closest("tr").dataset.cell'
    assert browser.run(row) == browser.run("`${layer},${cell}`")
    assert browser.errors == []


@pytest.mark.parametrize("width", [1200, 390])
def test_a_click_in_the_ranking_shows_the_cell(browser, tmp_path, width):
    path, states, _, _ = page_of(tmp_path, ranking=[CellScore("rhyme", 1, 2, 0.5, 0.9, 1)])
    browser.open(path.as_uri() + "#layer=0&cell=0", width)
    narrow = width < 600
    assert browser.run('$("ranking").open') is not narrow
    browser.run('$("ranking").open = true; document.querySelector("tr.cell").click()')
    assert browser.run(SHOWN) == [1, 2, 1, 2, 2]
    np.testing.assert_allclose(browser.run(SHARES), states[:, 1, 2], atol=0.015)
    assert browser.run('document.querySelector("tr[aria-current=true]").dataset.cell') == "1,2"
    # On a phone the table makes room for the text.
    assert browser.run('$("ranking").open') is not narrow


@pytest.mark.parametrize("width", [1200, 390, 320])
def test_nothing_is_wider_than_the_window(browser, tmp_path, width):
    path, *_ = page_of(tmp_path, TEXT.replace("\n", " ") * 5, title="A title " * 20)
    browser.open(path.as_uri(), width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    # Lines are wrapped.
    assert (
        browser.run('new Set(Array.from(document.querySelectorAll(".c"), c => c.offsetTop)).size')
        > 1
    )


def test_stretching_to_a_cell(browser, tmp_path):
    states, probabilities, symbols = made(TEXT)
    path = tmp_path / "page.html"
    write_page(path, TEXT, states / 50, probabilities, symbols, title="")
    browser.open(f"{path.as_uri()}#layer=0&cell=1")
    assert max(map(abs, browser.run(SHARES))) <= 0.02
    browser.run('$("stretch").click()')
    expected = states[:, 0, 1] / np.abs(states[:, 0, 1]).max()
    np.testing.assert_allclose(browser.run(SHARES), expected, atol=0.015)
    assert browser.run('$("legend").textContent') == "−0.02+0.02"


def test_hostile_text_stays_text(browser, tmp_path):
    ranking = [CellScore(HOSTILE, 0, 0, 0.5, 0.5, 1)]
    path, *_ = page_of(tmp_path, HOSTILE, title=HOSTILE, ranking=ranking)
    browser.open(path.as_uri())
    whole = HOSTILE.replace("\ud83d", "\ufffd").replace("\ude00", "\ufffd")
    assert browser.run("typeof bad") == "undefined"
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run('$("plain").textContent') == whole
    assert browser.run("document.querySelectorAll('.c').length") == len(HOSTILE)
    assert browser.run("document.querySelector('tbody th').textContent") == whole
    # Nothing that can't be seen, or that turns the direction, is shown as it is.
    tops = browser.run("tops.map(top => top.textContent)")
    assert tops[HOSTILE.index("\0")] == "\u2400"
    assert tops[HOSTILE.index("\u202e")] == "\ufffd"
    assert tops[HOSTILE.index("\u0301")] == "\u25cc\u0301"
    assert tops[HOSTILE.index("😀")] == "😀"
    # The columns keep the order in which the characters were read.
    left = "Array.from(document.querySelectorAll('.c'), c => [c.offsetTop, c.offsetLeft])"
    places = browser.run(left)
    assert places == sorted(places)
    assert browser.errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_can_be_read_in_every_colour(browser, tmp_path, scheme):
    """Contrasts of at least 4.5, as WCAG asks for, at both ends, in the middle, and on guesses."""
    states, probabilities, symbols = made(TEXT)
    states[:3, 0, 0] = [-1, 0, 1]
    probabilities[0] = np.eye(len(symbols))[0]
    path = tmp_path / "page.html"
    write_page(path, TEXT, states, probabilities, symbols, title="")
    browser.open(f"{path.as_uri()}#layer=0&cell=0")
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.ask("Emulation.setEmulatedMedia", features=media)
    contrasts = browser.run(
        """(() => {
            const pixel = document.createElement("canvas").getContext("2d");
            const light = colour => {
                pixel.fillStyle = getComputedStyle(document.body).backgroundColor;
                pixel.fillRect(0, 0, 1, 1);
                pixel.fillStyle = colour;
                pixel.fillRect(0, 0, 1, 1);
                const [r, g, b] = Array.from(pixel.getImageData(0, 0, 1, 1).data, v => v / 255)
                    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b;
            };
            const guesses = document.querySelectorAll(".c:first-child small");
            return [...tops.slice(0, 3), ...guesses].map(place => {
                const style = getComputedStyle(place);
                const ink = light(style.color), ground = light(style.backgroundColor);
                return (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05);
            });
        })()"""
    )
    assert len(contrasts) >= 8
    assert min(contrasts) >= 4.5
    # In a dark page the middle of the scale is dark.
    assert (
        browser.run("getComputedStyle(document.body).backgroundColor")
        == {
            "light": "rgb(255, 255, 255)",
            "dark": "rgb(20, 22, 26)",
        }[scheme]
    )
