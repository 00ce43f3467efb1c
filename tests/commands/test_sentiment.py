"""What `evaluate` and `runs` print, whatever names a stranger chose."""

import csv
import json
import re

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


def counted(labels):
    texts = [f"word{label} film" for label in labels]
    BaselineClassifier("tfidf").fit(texts * 10, np.array(labels * 10)).save("model")
    return dict(zip(labels, texts, strict=True))


def written(path, labels, texts):
    path.write_text("text,label\n" + "".join(f"{texts[label]},{label}\n" for label in labels))


def test_a_model_is_evaluated_on_one_class(run, tmp_path):
    written(tmp_path / "one.csv", [1, 1, 1], counted([0, 1]))
    for options in ((), ("--multiclass",)):
        code, out, err = run("evaluate", "model", "--data", "one.csv", *options, "--json")
        assert code == 0, err
        scores = json.loads(out)
        assert (scores["accuracy"], scores["roc_auc"]) == (1, None)
        assert scores["confusion_matrix"] == [[0, 0], [0, 3]]
    code, out, err = run("evaluate", "model", "--data", "one.csv", "--report", "report")
    assert code == 0, err
    code, _, err = run("train", "--preset", "tfidf", "--data", "one.csv", "--out", "other")
    assert (code, "Expected reviews of both kinds" in err) == (3, True)


@pytest.mark.parametrize("labels", [["1", "10", "n/a"], ["0", "1"]])
def test_labels_are_read_as_the_classes_of_the_model_are(run, tmp_path, labels):
    texts = counted(labels)
    written(tmp_path / "some.csv", [labels[0], labels[1], labels[1]], texts)
    options = [("--multiclass",)] + [()] * (len(labels) == 2)
    for given in options:
        code, out, err = run("evaluate", "model", "--data", "some.csv", *given, "--json")
        assert code == 0, err
        assert json.loads(out)["accuracy"] == 1


def test_the_label_that_a_model_does_not_know_is_named(run, tmp_path):
    written(tmp_path / "some.csv", [1, 2, "n/a"], {**counted([1, 2]), "n/a": "film"})
    code, _, err = run("evaluate", "model", "--data", "some.csv", "--multiclass")
    expected = (
        "sentiment-rnn: The model knows the classes [1, 2]. Received: 'n/a'\n"
        "Expected the labels that it was trained on\n"
    )
    assert (code, err.partition("\n")[2]) == (3, expected)


def test_mistakes_are_named_by_where_they_lie_in_the_data(run, tmp_path):
    texts = counted([0, 1])
    # The model is wrong of all.
    written(tmp_path / "wrong.csv", [0, 1] * 20, {0: texts[1], 1: texts[0]})
    options = ("--data", "wrong.csv", "--limit", "6", "--report", "report")
    code, _, err = run("evaluate", "model", *options)
    assert code == 0, err
    with (tmp_path / "report" / "mistakes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Of those that were drawn, and of all.
    assert sorted(int(row["place"]) for row in rows) == list(range(6))
    lines = (tmp_path / "wrong.csv").read_text().splitlines()
    for row in rows:
        number, line = re.findall("[0-9]+", row["name"])
        assert int(line) == int(number) + 1
        assert lines[int(number)].startswith(row["text"])
    assert max(int(row["name"].split()[1]) for row in rows) > 6


def test_a_folder_without_test_reviews(run, tmp_path):
    for name in ("neg", "pos"):
        (tmp_path / "own" / "train" / name).mkdir(parents=True)
        for number in range(20):
            (tmp_path / "own" / "train" / name / f"{number}.txt").write_text(f"a {name} film")
    train = ("train", "--preset", "tfidf", "--data", "own", "--out", "model")
    code, _, err = run(*train)
    assert (code, "own has no reviews in test/neg. Expected" in err) == (3, True)
    code, _, err = run(*train, "--no-test")
    assert code == 0, err
    code, _, err = run("evaluate", "model", "--data", "own")
    assert (code, "own has no reviews in test/neg. Expected" in err) == (3, True)
    code, out, err = run("evaluate", "model", "--data", "own", "--split", "train", "--json")
    assert code == 0, err
    assert np.sum(json.loads(out)["confusion_matrix"]) == 40


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
