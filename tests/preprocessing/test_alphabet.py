import copy
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.errors import DataError
from sentiment_rnn.preprocessing import Alphabet, alphabet

UNITS = ("character", "byte")


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(alphabet, "_BLOCK", 3)


def looked_up(known, text, unknown="error"):
    """The ids one character at a time."""
    places = {symbol: place for place, symbol in enumerate(known.symbols)}
    found = []
    for character in text:
        symbols = character if known.unit == "character" else character.encode()
        if unknown == "drop" and not all(symbol in places for symbol in symbols):
            continue
        found += [places[symbol] for symbol in symbols]
    return found


def test_symbols_are_sorted_and_of_the_text():
    known = Alphabet.of("🥊 jagen Käse\n🥊")
    assert known.symbols == "\n Kaegjns\N{LATIN SMALL LETTER A WITH DIAERESIS}🥊"
    assert (len(known), known.unit) == (11, "character")
    known = Alphabet.of("Käse\n", unit="byte")
    assert known.symbols == b"\nKes\xa4\xc3"
    assert (len(known), known.unit) == (6, "byte")
    # A code point, not what looks like a letter.
    assert Alphabet.of("e\u0301").symbols == "e\u0301"


@pytest.mark.usefixtures("small_blocks")
@given(st.text(min_size=1), st.text(), st.sampled_from(UNITS))
def test_any_text(text, other, unit):
    known = Alphabet.of(text, unit)
    expected = sorted(set(text)) if unit == "character" else sorted(set(text.encode()))
    assert list(known.symbols) == expected
    ids = known.encode(text)
    assert ids.dtype == np.int32
    assert ids.tolist() == looked_up(known, text)
    assert known.decode(ids) == known.decode(ids.tolist()) == text

    ids = known.encode(other, unknown="drop")
    assert ids.dtype == np.int32
    assert ids.tolist() == looked_up(known, other, unknown="drop")
    assert known.decode(ids) == "".join(c for c in other if len(looked_up(known, c, "drop")))

    same = Alphabet.from_dict(json.loads(json.dumps(known.to_dict())))
    assert same == known
    assert hash(same) == hash(known)


@pytest.mark.usefixtures("small_blocks")
@given(st.text(min_size=1), st.text(), st.sampled_from(UNITS))
def test_the_first_unknown_character_is_named(text, other, unit):
    known = Alphabet.of(text, unit)
    unknown = [place for place, c in enumerate(other) if not looked_up(known, c, "drop")]
    if not unknown:
        assert known.encode(other).tolist() == looked_up(known, other)
        return
    character = re.escape(repr(other[unknown[0]]))
    byte = "" if unit == "character" else r" \(byte 0x[0-9a-f]{2}\)"
    with pytest.raises(DataError, match=f"^Unknown character {character}{byte} at position "):
        known.encode(other)


def test_messages_of_unknown_characters():
    with pytest.raises(
        DataError,
        match=r"^Unknown character '你' at position 1,000\. Expected one of the 2 of the alphabet",
    ):
        Alphabet("ab").encode("ab" * 500 + "你")
    # Its second byte is the unknown one.
    with pytest.raises(DataError, match=r"^Unknown character 'é' \(byte 0xa9\) at position 2\. "):
        Alphabet.of("aäì", unit="byte").encode("äaé")
    for known in (Alphabet("ab"), Alphabet(b"ab")):
        with pytest.raises(DataError, match=r"^Unknown character '\\ud800' at position 2\. "):
            known.encode("ab\ud800")


@pytest.mark.parametrize("known", [Alphabet("ab🥊"), Alphabet.of("ab🥊", unit="byte")])
@pytest.mark.usefixtures("small_blocks")
def test_dropping(known):
    # A byte that 🥊 shares with other characters doesn't stay behind.
    ids = known.encode("a\udfffc🥋🥊\ud83e" * 3 + "b🥋", unknown="drop")
    assert known.decode(ids) == "a🥊" * 3 + "b"
    assert known.encode("", unknown="drop").shape == known.encode("").shape == (0,)
    assert known.encode("").dtype == np.int32


def test_half_surrogate_pairs_are_no_characters():
    text = "a" * (1 << 20) + "\udc00"
    for unit in UNITS:
        with pytest.raises(DataError, match=r"half a surrogate pair: '\\udc00' at position 1,048,"):
            Alphabet.of(text, unit)


def test_bytes_that_are_no_text():
    known = Alphabet.of("né", unit="byte")
    assert known.decode([0, 2]) == known.decode([0, 1]) == "n\ufffd"


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 3], r"^Expected ids from 0 to 2\. Received: 3 at position 1\.$"),
        ([0, 1, -1], r"^Expected ids from 0 to 2\. Received: -1 at position 2\.$"),
        ([0.0], r"^Expected whole numbers \(length,\)\. Received: float64 \(1,\)$"),
        ([[0]], r"^Expected whole numbers \(length,\)\. Received: int64 \(1, 1\)$"),
    ],
)
def test_ids_that_are_not_of_the_alphabet(ids, message):
    with pytest.raises(ValueError, match=message):
        Alphabet("abc").decode(ids)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_ids_of_any_type_are_decoded_and_not_changed(dtype):
    ids = np.array([2, 0, 1], dtype)
    ids.flags.writeable = False
    assert Alphabet("a🥊🥋").decode(ids) == "🥋a🥊"
    assert Alphabet("abc").decode([]) == ""


def test_wrong_options():
    with pytest.raises(ValueError, match="unit must be one of character, byte. Received: 'word'"):
        Alphabet.of("a", unit="word")
    with pytest.raises(ValueError, match="unknown must be one of error, drop. Received: 'skip'"):
        Alphabet("a").encode("a", unknown="skip")


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ("", "at least one character. Received none."),
        (b"", "at least one byte. Received none."),
        ("acb", "sorted, with nothing twice. Received: 'c', 'b' at position 2."),
        ("abb", "sorted, with nothing twice. Received: 'b', 'b' at position 2."),
        (b"\xff\x00", "sorted, with nothing twice. Received: 0xff, 0x00 at position 1."),
        ("a\ud800", r"of characters. Received half a surrogate pair: '\ud800' at position 1."),
        (
            "a" * 65_537,
            "at most 65,536 characters; in bytes any text has at most 256. Received: 65",
        ),
        (["a"], "as str or bytes. Received: list"),
    ],
)
def test_what_is_no_alphabet(symbols, message):
    with pytest.raises(DataError, match=re.escape(message)):
        Alphabet(symbols)
    unit = "byte" if isinstance(symbols, bytes) else "character"
    saved = {"unit": unit, "symbols": list(symbols) if unit == "byte" else symbols}
    with pytest.raises(DataError, match=r"^Expected an alphabet"):
        Alphabet.from_dict(saved)


@pytest.mark.parametrize(
    "saved",
    [
        None,
        "abc",
        [],
        {},
        {"symbols": "abc"},
        {"unit": "character"},
        {"unit": "character", "symbols": "abc", "more": 1},
        {"unit": "word", "symbols": "abc"},
        {"unit": ["character"], "symbols": "abc"},
        {"unit": "character", "symbols": [97, 98]},
        {"unit": "character", "symbols": None},
        {"unit": "byte", "symbols": "abc"},
        {"unit": "byte", "symbols": [97, "98"]},
        {"unit": "byte", "symbols": [False, True]},
        {"unit": "byte", "symbols": [1.0]},
        {"unit": "byte", "symbols": [256]},
        {"unit": "byte", "symbols": [-1]},
        {"unit": "byte", "symbols": [10**5000]},
        {"unit": "byte", "symbols": list(range(257))},
    ],
)
def test_a_strangers_file(saved):
    with pytest.raises(DataError, match=r"^Expected an alphabet"):
        Alphabet.from_dict(saved)


def test_equality_and_copies():
    known = Alphabet("ab")
    known.encode("ab")
    assert known == Alphabet("ab") == copy.copy(known) == copy.deepcopy(known)
    assert known != Alphabet("abc")
    assert known != Alphabet(b"ab")
    with pytest.raises(AttributeError):
        known.symbols = "c"  # type: ignore[misc]


def test_the_largest_alphabet():
    text = "".join(chr(code) for code in range(0x10000, 0x20000))
    known = Alphabet.of(text[::-1])
    assert known.symbols == text
    np.testing.assert_array_equal(known.encode(text), np.arange(len(text)))
    with pytest.raises(DataError, match="at most 65,536 characters"):
        Alphabet.of(text + "a")
