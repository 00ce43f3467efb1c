"""What `evaluate` and `runs` print, whatever names a stranger chose."""

import json

import numpy as np
import pytest

from sentiment_rnn.baselines import BaselineClassifier
from sentiment_rnn.training.run_log import append_run

# By how they are to be shown.
NAMES = {
    "\\x1b[2Jred": "\x1b[2Jred",
    "a feeling with a long name": "a feeling with a long name",
    "joy\\x0d\\u202e!": "joy\r\u202e!",
}


def test_class_names_stay_apart_and_move_no_cursor(run, tmp_path):
    texts = [f"w{number % 3} film" for number in range(30)]
    labels = list(NAMES.values()) * 10
    BaselineClassifier("tfidf").fit(texts, np.array(labels)).save("model")
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    (tmp_path / "names.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("evaluate", "model", "--data", "names.jsonl", "--multiclass")
    code, out, err = run(*options)
    assert code == 0, err
    _, matrix, _ = out.split("\n\n")
    head, *lines = matrix.split("\n")
    assert head.split("  ", 1)[0] == "confusion matrix"
    assert {line.split(" called  ")[0] for line in lines} == set(NAMES)
    counts = json.loads(run(*options, "--json")[1])["confusion_matrix"]
    assert np.sum(counts) == 30
    for line, row in zip(lines, counts, strict=True):
        name, cells = line.split(" called  ")
        assert cells.split() == [str(count) for count in row]
        # A count ends below the end of its class.
        end = head.index(name) + len(name)
        assert line[:end].endswith("  10")
        assert head[end : end + 2] in ("", "  ")


def test_what_learns_from_texts_alone_asks_for_no_labels(run, tmp_path):
    rows = ["body"] + ["a good film about a dog and a cat"] * 40
    (tmp_path / "texts.csv").write_text("\n".join(rows) + "\n")
    data = ("--data", "texts.csv", "--text-column", "body")
    small = ("--vector-size", "4", "--epochs", "1")
    code, _, err = run("vectors", *data, "--out", "v.npz", *small)
    assert code == 0, err
    assert "reading 40 texts" in err
    tiny = ("--vectors", "v.npz", "--units", "3", "--epochs", "1")
    code, _, err = run("pretrain", *data, "--out", "begun", *tiny)
    assert code == 0, err
    assert "--label-column" not in run("vectors", "--help")[1] + run("pretrain", "--help")[1]
    for command, out in (("vectors", "w.npz"), ("pretrain", "other")):
        code, _, err = run(command, *data, "--out", out, "--unsupervised")
        assert (code, "is a table, which has no unsupervised reviews" in err) == (2, True)


def test_runs_move_no_cursor(run, tmp_path):
    found = {
        "parameters": 1000,
        "seconds": 2.5,
        "metrics": {"validation": {"accuracy": 0.75}, "test": {"accuracy": 0.5}},
    }
    hostile = {
        "name": "\x1b[2Jfirst\n",
        "preset": "\x9b",
        "seed": "\x07",
        "options": {"\x1b": "x\ry"},
    }
    usual = {"name": "b", "preset": "textbook", "seed": 0, "options": {"units": 3}}
    for run_options in (hostile, usual):
        append_run(tmp_path, {**found, **run_options})
    code, out, _ = run("runs", ".")
    assert code == 0
    head, first, second = out.splitlines()
    assert head.split() == [
        "model",
        "validation",
        "test",
        "parameters",
        "seconds",
        "seed",
        "settings",
    ]
    assert first.split() == [
        *("\\x1b[2Jfirst\\x0a", "0.7500", "0.5000", "1,000", "2", "\\x07"),
        *("\\x9b", "\\x1b=x\\x0dy"),
    ]
    assert second.split() == ["b", "0.7500", "0.5000", "1,000", "2", "0", "textbook", "units=3"]
    assert head.index("settings") == first.index("\\x9b") == second.index("textbook")


@pytest.mark.filterwarnings("default")
def test_runs_are_listed_beside_lines_that_are_none(run, tmp_path):
    found = {"parameters": 1, "seconds": 1, "preset": "textbook", "seed": 0, "options": {}}
    append_run(tmp_path, {**found, "name": "a", "metrics": {"validation": {"accuracy": 0.5}}})
    with (tmp_path / "runs.jsonl").open("ab") as log:
        log.write(b"\xff\n" + b'{"name": "b", "metrics": {"validation": {"accuracy": 0.6}}}\n')
    code, out, err = run("runs", ".")
    assert code == 0
    said = "runs.jsonl has lines that are no runs of this package, and are left out: 2, 3"
    assert err == f"sentiment-rnn: {said}\n"
    assert [line.split()[0] for line in out.splitlines()] == ["model", "a"]
