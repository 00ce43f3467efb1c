"""JSON of strangers: what is refused, with which words, and that refusing is cheap."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn._trusted import (
    as_list,
    as_number,
    as_share,
    as_text,
    as_whole,
    check_keys,
    parse_json,
    read_json,
    shown,
)
from sentiment_rnn.errors import ModelError


@pytest.fixture
def json_file(tmp_path):
    def write(content):
        path = tmp_path / "model.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_reads_what_json_says(json_file):
    path = json_file('{"a": [1, 2.5, -1e3, "x\\" [", true, null, {}], "ü": "{"}')
    expected = {"a": [1, 2.5, -1000.0, 'x" [', True, None, {}], "ü": "{"}
    assert read_json(path, max_bytes=100) == expected


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"model\.json is missing"):
        read_json(tmp_path / "model.json", max_bytes=10)


def test_folder(tmp_path):
    with pytest.raises(ModelError, match="expected a JSON file"):
        read_json(tmp_path, max_bytes=10)


def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="expected a JSON file"):
        read_json(tmp_path / "pipe", max_bytes=10)


def test_size_is_checked_before_reading(json_file):
    path = json_file("[]")
    os.truncate(path, 100 << 20)  # a sparse file: 100 MB that take no disk
    with pytest.raises(ModelError, match=r"at most 1,000 bytes\. Received: 104,857,600"):
        read_json(path, max_bytes=1000)


def test_largest_size_is_included(json_file):
    path = json_file("[1, 2]")
    assert read_json(path, max_bytes=6) == [1, 2]
    with pytest.raises(ModelError, match=r"at most 5 bytes\. Received: 6"):
        read_json(path, max_bytes=5)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting(json_file, opening):
    with pytest.raises(ModelError, match="at most 64 levels of nesting"):
        read_json(json_file(opening * 100_000), max_bytes=1 << 20)


def test_deepest_nesting_is_included(json_file):
    assert read_json(json_file("[" * 64 + "]" * 64), max_bytes=200)
    with pytest.raises(ModelError, match="at most 64 levels"):
        read_json(json_file("[" * 65 + "]" * 65), max_bytes=200)
    # What lies side by side, or in a string, is not deep.
    assert read_json(json_file("[" + "[]," * 100 + "[]]"), max_bytes=999) == [[]] * 101
    assert read_json(json_file('"' + "[" * 100 + '"'), max_bytes=200) == "[" * 100


@pytest.mark.parametrize(
    "text",
    ['"' + '\\"' * 500_000, '"a' * 400_000, "\\" * 900_000, "[" + '"\\' * 400_000],
    ids=["one string", "many strings", "no string", "many escapes"],
)
def test_odd_strings_take_no_longer(json_file, text):
    start = time.perf_counter()
    with pytest.raises(ModelError, match="expected JSON"):
        read_json(json_file(text), max_bytes=1 << 20)
    assert time.perf_counter() - start < 5


def test_repeated_key(json_file):
    path = json_file('{"config": {"units": 1, "name": "a", "units": 2}}')
    with pytest.raises(ModelError, match=r"expected each key once\. Received twice: 'units'"):
        read_json(path, max_bytes=100)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_number_that_is_none(json_file, number):
    with pytest.raises(ModelError, match=rf"expected finite numbers\. Received: {number}"):
        read_json(json_file(f'{{"units": {number}}}'), max_bytes=100)


@pytest.mark.parametrize("content", [b'"\xff"', "[1]".encode("utf-16")])
def test_other_encoding(json_file, content):
    with pytest.raises(ModelError, match=r"model\.json: expected UTF-8"):
        read_json(json_file(content), max_bytes=100)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "{'a': 1}", "1 2", "9" * 5000])
def test_no_json(json_file, text):
    with pytest.raises(ModelError, match=r"model\.json: expected JSON"):
        read_json(json_file(text), max_bytes=10_000)


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\01eN ', max_size=60).map(str.encode))
def test_any_bytes_parse_or_raise_a_model_error(content):
    try:
        parse_json(content, "model.json", max_depth=8)
    except ModelError as error:
        message = str(error)
    else:
        return
    assert message.startswith("model.json: expected")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Lambda", "'Lambda'"),
        ("a\nb\ud800", r"'a\nb\ud800'"),
        ("a" * 10**6, "'" + "a" * 56 + "..."),
        ({"a": 1}, "an object"),
        ([1], "an array"),
        (10**500, "a number of more than 60 digits"),
        (None, "None"),
        (2.5, "2.5"),
    ],
)
def test_a_value_is_shown_short_and_on_one_line(value, text):
    assert shown(value) == text


def test_pieces_say_what_they_expected():
    with pytest.raises(ModelError, match=r"^here: expected no key 'b'"):
        check_keys({"a": 1, "b": 2}, {"a"}, "here")
    with pytest.raises(ModelError, match=r"^here: expected an array\. Received: 'x'"):
        as_list("x", "here", longest=3)
    with pytest.raises(ModelError, match=r"^here: expected at most 3 items\. Received: 4"):
        as_list([0] * 4, "here", longest=3)
    with pytest.raises(ModelError, match=r"^here: expected at most 3 characters\. Received: 4"):
        as_text("four", "here", longest=3)
    with pytest.raises(ModelError, match=r"^here: expected a whole number from 1 to 9\. .*True"):
        as_whole(True, "here", least=1, most=9)
    with pytest.raises(ModelError, match=r"^here: expected a number from 0 to 9\. Received: nan"):
        as_number(float("nan"), "here", least=0, most=9)
    with pytest.raises(ModelError, match=r"^here: expected a number of at least 0 and below 1\."):
        as_share(1, "here")
