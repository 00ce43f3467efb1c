"""Whatever a text or an option is, there is a result or a message, and never a traceback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import models
from tests.faults.running import check, run_cases
from tests.faults.texts import SHORT, runs

FINE, USAGE, BAD_DATA, BAD_MODEL, BAD_RESOURCE = 0, 2, 3, 4, 5
# Texts that no file of UTF-8 can hold.
NO_TEXT = ("half a surrogate pair", "bytes that are no text")
# What moves a terminal's cursor, or turns the direction of writing; JSON is for programs.
TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# A shell has no zeros in arguments.
NO_ARGUMENT = ("a zero", "zeros", "all control characters")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    models.save("sentiment", folder / "model")
    models.save("characters", folder / "writer")
    (folder / "out").mkdir()
    return folder


def cases_of(folder, texts, commands):
    for number, (name, text) in enumerate(texts.items()):
        file = folder / f"{number}.txt"
        # Half a surrogate pair has bytes, which are no UTF-8.
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        for command, arguments in commands.items():
            words = {
                "MODEL": folder / "model",
                "WRITER": folder / "writer",
                "FILE": file,
                "OUT": folder / "out" / f"{command} {number}",
                "TEXT": text,
            }
            arguments = [str(words.get(word, word)) for word in arguments]
            case = {"name": f"{command}: {name}", "arguments": arguments, "seconds": 60}
            yield {**case, "allowed": [str(folder)]}


PREDICT = ["predict", "--model", "MODEL"]
OF_FILES = {
    "predict a file": [*PREDICT, "--input", "FILE"],
    "predict a document": [*PREDICT, "--document", "--input", "FILE"],
    "explain a file": [*PREDICT, "--explain", "--input", "FILE"],
}
MORE = {
    "predict as CSV": [*PREDICT, "--format", "csv", "--input", "FILE", "--output", "OUT"],
    "explain as a page": [*PREDICT, "--page", "OUT", "--input", "FILE"],
    "occlusion": [*PREDICT, "--explain", "--method", "occlusion", "--input", "FILE"],
    "shipped model": ["predict", "--model", "textbook", "--input", "FILE"],
    "prime": ["chars", "sample", "WRITER", "--length", "3", "--prime", "TEXT"],
    "read by a character model": ["chars", "evaluate", "WRITER", "FILE"],
    "show": ["chars", "show", "WRITER", "--input", "FILE", "--out", "OUT"],
    "evaluate": ["evaluate", "MODEL", "--no-cache", "--data", "FILE"],
}


def check_all(results):
    for result in results:
        check(result, FINE, USAGE, BAD_DATA)
        if not result["out"].startswith("{"):
            assert not TERMINAL.search(result["out"]), result


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=() if command == "explain a file" else pytest.mark.slow)
        for command in OF_FILES
    ],
)
def test_short_texts_in_files(folder, command):
    results = run_cases(cases_of(folder, SHORT, {command: OF_FILES[command]}), folder)
    check_all(results)
    for result in results:
        expected = BAD_DATA if result["name"].split(": ")[1] in NO_TEXT else FINE
        assert result["code"] == expected, result


def test_short_texts_as_arguments(folder):
    texts = {name: text for name, text in SHORT.items() if name not in NO_ARGUMENT}
    results = run_cases(cases_of(folder, texts, {"predict": [*PREDICT, "--", "TEXT"]}), folder)
    check_all(results)
    for result in results:
        expected = BAD_DATA if result["name"].split(": ")[1] in NO_TEXT else FINE
        assert result["code"] == expected, result
    [unknown] = [one for one in results if one["name"] == "predict: unknown words alone"]
    assert unknown["out"].startswith(("negative\t0.", "positive\t0."))


def documents(length):
    """Without the lines, each of which is a text: a million of them take a while."""
    return {name: text for name, text in runs(length).items() if name != "line breaks"}


LARGE = {name: OF_FILES[name] for name in ("predict a file", "predict a document")}


def test_much_of_one_thing(folder):
    results = run_cases(cases_of(folder, documents(1 << 14), LARGE), folder)
    check_all(results)
    assert all(result["code"] == FINE for result in results)


@pytest.mark.slow
def test_megabytes_of_one_thing(folder):
    results = run_cases(cases_of(folder, documents(1 << 20), LARGE), folder)
    check_all(results)
    refused = [result["name"] for result in results if result["code"] != FINE]
    # Only a document has to have white space somewhere, which a line has not.
    assert all(name.startswith("predict a document") for name in refused)


@pytest.mark.slow
@pytest.mark.parametrize("command", list(MORE))
def test_texts_everywhere_else(folder, command):
    texts = {name: text for name, text in SHORT.items() if name not in NO_TEXT}
    if command != "occlusion":
        texts |= documents(1 << 18)
    if command == "prime":
        # No argument may be longer.
        texts = {name: text[: 1 << 16] for name, text in texts.items()}
    check_all(run_cases(cases_of(folder, texts, {command: MORE[command]}), folder))


@pytest.mark.slow
def test_megabytes_explained(folder):
    commands = {"explain a file": OF_FILES["explain a file"]}
    check_all(run_cases(cases_of(folder, documents(1 << 20), commands), folder))


ERRORS = (USAGE, BAD_DATA, BAD_MODEL, BAD_RESOURCE)
# What looks odd and is fine.
MAKES_SENSE = ("temperature 1e", "top-k 9", "--new FILE", "--output OUT", "--page OUT")
HUGE = "9" * 400
ARGUMENTS = [
    *(f"predict --model MODEL --format {kind} good" for kind in ("xml", "", "TEXT")),
    "predict --model MODEL --input /dev/null/x",
    "predict --model MODEL --input OUT",
    "predict --model MODEL --output OUT/x/y good",
    "predict --model MODEL --page OUT good",
    "predict --model MODEL --method magic good",
    "predict --model  good",
    "predict --model FILE good",
    "predict --model WRITER good",
    f"predict --model {'x' * 5000} good",
    f"predict --model MODEL --input {'x' * 5000}",
    "predict --model MODEL --vectors OUT good",
    "predict --model FILE --vectors imdb good",
    *(
        f"chars sample WRITER --{option}"
        for option in (
            "length 0",
            "length -1",
            "length x",
            "length 1e3",
            f"length {HUGE}",
            "samples 0",
            f"samples {HUGE}",
            "temperature nan",
            "temperature -1",
            "temperature inf",
            "temperature 1e-320",
            "temperature 1e308",
            "top-k 0",
            f"top-k {HUGE}",
            "top-p nan",
            "top-p 0",
            "top-p 2",
            "beam-width 0",
            f"beam-width {HUGE}",
            "stop ab",
            "stop z",
            "prime z",
            "seed -1",
            f"seed {HUGE}",
            "new OUT",
            "new FILE",
        )
    ),
    "chars sample MODEL",
    "chars evaluate WRITER OUT",
    "chars evaluate WRITER /dev/null",
    "chars show WRITER z --out OUT/page.html",
    "chars show WRITER --out OUT/page.html",
    *(
        f"train --engine numpy --no-cache --limit 10 --out OUT --{option}"
        for option in (
            "epochs 0",
            "epochs -1",
            f"units {HUGE}",
            "units 0",
            "maxlen -1",
            f"maxlen {HUGE}",
            "batch-size 0",
            "learning-rate nan",
            "learning-rate -1",
            "learning-rate inf",
            "dropout 1",
            "dropout nan",
            "validation-fraction 2",
            "validation-fraction nan",
            "seed -1",
            f"seed {HUGE}",
            "limit 0",
            f"limit -{HUGE}",
            "data /dev/null",
            "data TABLE --text-column nothing",
            "data TABLE --label-column text",
            "data TABLE --positive-from nan",
            "vectors nothing",
            "optimizer none",
            "cell none",
            "preset none",
        )
    ),
    *(
        f"chars train FILE --out OUT --epochs 1 --{option}"
        for option in (
            "window 0",
            f"window {HUGE}",
            "units 0",
            "layers 9",
            "learning-rate nan",
            "clip -1",
            "seed -1",
            "batch-size 0",
            "architecture none",
            "validation-fraction nan",
        )
    ),
    "evaluate MODEL --data sample --no-cache --limit 0",
    "evaluate MODEL --data sample --no-cache --limit 1",
    "evaluate MODEL --data sample --no-cache --split none",
    "evaluate MODEL --data TABLE --no-cache --split test --positive-from inf",
    "vectors --data sample --no-cache --out OUT --vector-size 0",
    "convert FILE FILE --vectors imdb --out OUT",
    "convert MODEL --out OUT",
    "runs OUT",
    "runs FILE",
    "download",
    "nothing",
    "--nothing",
]
# These import what takes seconds.
SLOW_ARGUMENTS = [
    "serve --model MODEL --port 99999",
    "serve --model MODEL --port -1",
    "serve --model MODEL --model MODEL",
    "serve --model OUT",
    "summary --model OUT",
    "vectors --data sample --no-cache --out OUT --min-count 100000",
]


@pytest.mark.parametrize(
    "lines", [ARGUMENTS, pytest.param(SLOW_ARGUMENTS, marks=pytest.mark.slow)], ids=["", "slow"]
)
def test_bad_arguments(folder, lines):
    (folder / "file.txt").write_text("a b c " * 50)
    (folder / "table.csv").write_text("text,label\ngood,1\nbad,0\n")
    words = {
        "MODEL": folder / "model",
        "WRITER": folder / "writer",
        "FILE": folder / "file.txt",
        "TABLE": folder / "table.csv",
    }
    cases = []
    for number, line in enumerate(lines):
        arguments = line.split(" ")
        for name, path in {**words, "OUT": folder / f"missing-{number}"}.items():
            arguments = [word.replace(name, str(path)) for word in arguments]
        cases.append({"name": line, "arguments": arguments, "allowed": [str(folder)]})
    for result in run_cases(cases, folder):
        codes = (FINE,) if any(part in result["name"] for part in MAKES_SENSE) else ERRORS
        # A command for the user's own data may import what it likes.
        check({**result, "reported": []}, *codes)
        assert result["err"] or result["code"] == FINE, json.dumps(result)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
@pytest.mark.parametrize("kind", ["text", "json", "jsonl", "csv"])
def test_an_output_that_is_full(folder, kind):
    command = [sys.executable, "-m", "sentiment_rnn", "predict", "--model", folder / "model"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, "--format", kind, "good"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == BAD_RESOURCE
    assert done.stderr == "sentiment-rnn: No space left on device\n"


@pytest.mark.parametrize("kind", ["text", "jsonl"])
def test_an_output_that_has_few_characters(folder, kind):
    command = [sys.executable, "-m", "sentiment_rnn", "predict", "--model", folder / "model"]
    done = subprocess.run(
        [*command, "--format", kind, "good, café \u2026"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    if kind == "jsonl":
        assert json.loads(done.stdout)["text"] == "good, café \u2026"
    else:
        assert done.stdout.endswith("good, caf\\xe9 \\u2026\n")
