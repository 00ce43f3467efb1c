import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier, load_imdb, load_table
from sentiment_rnn.cli import main
from sentiment_rnn.datasets import load_data
from sentiment_rnn.inspection import rank_by_label
from tests.conftest import ROOT
from tests.pages import data_of
from tests.persistence import old_keras

SMALL = ["--units", "3", "--maxlen", "40", "--epochs", "1"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "reviews.csv"
    rows = ["text,label"] + [f"a {word} film,{word}" for word in ("neg", "pos") * 20]
    path.write_text("\n".join(rows) + "\n")
    return path


# Training


def test_the_numpy_engine_trains_and_can_be_continued(run, tmp_path):
    code, out, err = run("train", *SMALL, "--engine", "numpy", "--out", "model")
    assert code == 0, err
    assert "epoch 1/1: 100%" in err
    assert len(out.splitlines()) == 3
    code, _, err = run("train", "--resume", "--out", "model", "--epochs", "1")
    assert code == 0, err
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["training"]["engine"] == "numpy"
    assert config["provenance"]["epochs"] == 2
    assert len((tmp_path / "model" / "history.csv").read_text().splitlines()) == 3
    card = (tmp_path / "model" / "README.md").read_text()
    code, _, _ = run("predict", "--model", "model", "A joy.")
    assert code == 0
    assert "numpy" in card


@pytest.mark.parametrize("engine", ["keras", "numpy"])
def test_training_writes_a_log_for_tensorboard(run, tmp_path, engine):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    options = ("--engine", engine, "--units", "3", "--maxlen", "40", "--out", "model")
    code, _, err = run("train", *options, "--epochs", "2", "--tensorboard", "log", "--no-test")
    assert code == 0, err
    resume = ("train", "--resume", *options[-2:], "--epochs", "1", "--tensorboard", "log")
    written = sorted((tmp_path / "log").rglob("*"))
    code, _, err = run(*resume, "--units", "4")
    assert code == 2, err
    assert sorted((tmp_path / "log").rglob("*")) == written
    code, _, err = run(*resume)
    assert code == 0, err
    head, *epochs = csv.reader((tmp_path / "model" / "history.csv").read_text().splitlines())
    for part, prefix in (("train", ""), ("validation", "val_")):
        found = {}
        for file in sorted((tmp_path / "log" / part).iterdir()):
            for event in loader.EventFileLoader(str(file)).Load():
                for value in event.summary.value:
                    found[value.tag, event.step] = value.tensor.float_val[0]
        assert found == {
            (f"epoch_{name}", epoch): pytest.approx(float(row[head.index(prefix + name)]))
            for epoch, row in enumerate(epochs, 1)
            for name in ("loss", "accuracy")
        }


def test_tensorboard_is_missing(run, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "sentiment_rnn.training.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    code, _, err = run("train", *SMALL, "--tensorboard", "log")
    assert (code, 'pip install "sentiment_rnn[tensorboard]"' in err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_train_evaluate_predict_and_runs(run, tmp_path):
    code, out, err = run("train", *SMALL)
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["part", "validation", "test"]
    assert "training 1,033 parameters on 144 texts, validating on 36" in err
    folder = tmp_path / "trained" / "sample-textbook"
    assert "saved trained/sample-textbook" in err
    assert sorted(path.name for path in (tmp_path / "trained").iterdir()) == [
        "runs.jsonl",
        "sample-textbook",
    ]
    metrics = json.loads((folder / "metrics.json").read_text())

    code, out, err = run("evaluate", folder, "--data", "sample", "--json")
    assert code == 0, err
    scores = json.loads(out)
    assert scores["texts"] == 60
    assert scores["confusion_matrix"] == metrics["test"]["confusion_matrix"]
    for name in ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error"):
        assert scores[name] == pytest.approx(metrics["test"][name])
    assert scores["texts_per_second"] > 0

    code, out, err = run("evaluate", folder, "--data", "sample", "--split", "train")
    assert code == 0, err
    assert out.splitlines()[1].startswith("train    180")
    assert "confusion matrix" in out
    head, *rows = out.splitlines()[-5:]
    assert head.split() == ["known", "tokens", "texts", "accuracy"]
    assert sum(int(row.split()[3]) for row in rows) == 180

    code, out, err = run("predict", "--model", folder, "--format", "jsonl", "A joy.", "Dull.")
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [list(row) for row in rows] == [["text", "label", "probability", "truncated"]] * 2
    assert rows[0]["text"] == "A joy."

    run("train", *SMALL, "--units", "4", "--out", "trained/other", "--no-test", "--seed", "5")
    code, out, err = run("runs")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["model", "validation", "test", "parameters"]
    settings = lines[0].index("  settings") + 2
    assert all(line[settings - 2 : settings + 9] == "  textbook " for line in lines[1:])
    assert {line.split()[0] for line in lines[1:]} == {"sample-textbook", "other"}
    accuracies = [float(line.split()[1]) for line in lines[1:]]
    assert accuracies == sorted(accuracies, reverse=True)


def test_the_same_command_gives_the_same_model_in_another_process(run, tmp_path):
    command = [sys.executable, "-m", "sentiment_rnn", "train", *SMALL, "--limit", "60", "--out"]
    for name in ("first", "second"):
        subprocess.run([*command, name], check=True, cwd=tmp_path, capture_output=True)
    _, first, _ = run("predict", "--model", "first", "--format", "json", "A joy.", "Dull.")
    _, second, _ = run("predict", "--model", "second", "--format", "json", "A joy.", "Dull.")
    assert json.loads(first) == json.loads(second)
    assert (tmp_path / "first/history.csv").read_text() == (
        tmp_path / "second/history.csv"
    ).read_text()


def test_teachers_read_what_has_no_label(run, table, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data" / "sample" / "aclImdb", data / "aclImdb")
    options = ["--data", data, "--engine", "numpy", "--no-test", *SMALL, "--out"]
    for name in ("first", "second"):
        assert run("train", *options, name, "--seed", len(name))[0] == 0
    code, _, err = run("train", "--data", "no", "--out", "student", "--teacher", "none")
    assert code == 4
    assert "There is none at none" in err  # before anything is read
    for source, exit_code, message in (
        (data, 3, "has no reviews in train/unsup"),
        (table, 2, "a table, whose texts all have labels. Name one of texts without"),
    ):
        code, _, err = run("train", "--data", source, "--out", "student", "--teacher", "first")
        assert code == exit_code
        assert message in err
    other = SentimentClassifier("textbook", engine="numpy", units=3, maxlen=40, epochs=1)
    other.fit(["good", "bad", "well"] * 9, ["a", "b", "c"] * 9).save("other")
    (data / "aclImdb" / "train" / "unsup").mkdir()
    texts = [path.read_text() for path in sorted((data / "aclImdb" / "test").glob("*/*.txt"))]
    for number, text in enumerate(texts):
        (data / "aclImdb" / "train" / "unsup" / f"{number}_0.txt").write_text(text)
    code, _, err = run("train", *options, "student", "--teacher", "first", "--teacher", "other")
    expected_error = "to be learned, [0, 1]. Received one that knows ['a', 'b', 'c']."
    assert (code, expected_error in err) == (2, True)
    code, _, err = run("train", *options, "student", "--teacher", "first", "--teacher", "second")
    assert code == 0, err
    train = load_imdb(data)[0]
    said = [
        SentimentClassifier.load(name).predict_proba(texts)[:, 1] for name in ("first", "second")
    ]
    expected = SentimentClassifier(engine="numpy", units=3, maxlen=40, epochs=1).fit(
        train.texts,
        train.labels,
        taught_texts=texts,
        taught_probabilities=(said[0] + said[1]) / 2,
    )
    student = SentimentClassifier.load("student")
    assert student.history_ == expected.history_
    assert student.provenance_["trained_on"]["taught"] == len(texts) == 60
    card = (tmp_path / "student" / "README.md").read_text()
    assert "--seed 0 --teacher DIR --maxlen 40" in card
    assert "Plain Keras reads it too: " in card


def test_teachers_read_a_table(run, table, tmp_path):
    options = ["train", "--data", table, "--engine", "numpy", *SMALL, "--out"]
    assert run(*options, "teacher")[0] == 0
    texts = ["A joy from start to end.", "Dull, and far too long.", "It works."]
    lines = [json.dumps({"text": text, "label": None}) for text in texts]
    (tmp_path / "more.jsonl").write_text("\n".join(lines))
    taught = ["--taught-texts", "more.jsonl"]
    code, _, err = run(*options, "student", "--teacher", "teacher", *taught)
    assert code == 0, err
    train = load_table(table)
    expected = SentimentClassifier(engine="numpy", units=3, maxlen=40, epochs=1).fit(
        train.texts,
        train.labels,
        taught_texts=texts,
        taught_probabilities=SentimentClassifier.load("teacher").predict_proba(texts)[:, 1],
    )
    assert SentimentClassifier.load("student").history_ == expected.history_
    card = (tmp_path / "student" / "README.md").read_text()
    assert "--data DATA --taught-texts TABLE --preset textbook" in card
    assert " --teacher DIR " in card
    code, _, err = run(*options, "other", *taught)
    assert (code, "Name a model with --teacher." in err) == (2, True)
    code, _, err = run(*options, "other", "--teacher", "teacher", "--taught-texts", "none.csv")
    assert (code, "Could not read none.csv" in err) == (5, True)
    code, _, err = run("train", "--data", table, "--preset", "nbsvm", "--out", "other", *taught)
    assert (code, "it has no --taught-texts" in err) == (2, True)


def test_what_a_user_keeps_in_a_folder_stays(run, table, tmp_path):
    (tmp_path / "model").mkdir()
    options = ("--data", table, "--out", "model")
    code, _, err = run("train", *options, "--resume")
    assert (code, "There is nothing to resume yet" in err) == (2, True)
    code, _, err = run("train", *options, *SMALL, "--engine", "numpy")
    assert code == 0, err
    code, _, err = run("evaluate", "model", "--data", table, "--report", "model/report")
    assert code == 0, err
    (tmp_path / "model" / "notes.md").write_text("mine")
    for more in (["--resume"], ["--overwrite", "--preset", "tfidf"]):
        code, _, err = run("train", *options, *more)
        assert code == 0, err
        assert (tmp_path / "model" / "notes.md").read_text() == "mine"
        assert (tmp_path / "model" / "report" / "index.html").is_file()
    # Of a network nothing is left where a classifier that counts words took its place.
    assert not (tmp_path / "model" / "history.png").exists()
    assert run("predict", "--model", "model", "A joy.")[0] == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.md").write_text("mine")
    for more in ([], ["--overwrite"]):
        code, _, err = run("train", "--data", table, "--out", "other", *more)
        assert (code, "is no model folder: it is not overwritten. Name another" in err) == (2, True)


def test_resume_adds_epochs(run, table, tmp_path):
    options = ("--data", table, "--out", "model")
    assert run("train", *options, *SMALL)[0] == 0
    code, out, err = run("train", *options, "--epochs", "2", "--resume")
    assert code == 0, err
    assert out.splitlines()[1].startswith("validation")
    assert len((tmp_path / "model" / "history.csv").read_text().splitlines()) == 4
    code, _, err = run("train", *options, "--resume", "--preset", "textbook")
    assert code == 2
    assert "--resume goes on with the model's own preset: leave it out" in err


def test_a_model_is_not_overwritten_by_accident(run, table, tmp_path):
    options = ("train", "--data", table, "--out", "model", *SMALL)
    assert run(*options)[0] == 0
    code, _, err = run(*options)
    assert code == 2
    assert "model is there already and holds a model" in err
    assert "--overwrite" in err
    assert run(*options, "--overwrite")[0] == 0
    (tmp_path / "file").write_text("mine")
    code, _, err = run("train", *SMALL, "--out", "file", "--overwrite")
    assert (code, "file is there and is no model folder" in err) == (2, True)
    assert "training" not in err


def test_tables_with_other_columns_and_stars(run, tmp_path):
    rows = [{"body": f"film {n}", "stars": 1 + 4 * (n % 2)} for n in range(40)]
    (tmp_path / "stars.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("--text-column", "body", "--label-column", "stars", "--positive-from", "4")
    code, _, err = run("train", "--data", "stars.jsonl", *options, "--out", "model", *SMALL)
    assert code == 0, err
    assert run("evaluate", "model", "--data", "stars.jsonl", *options)[0] == 0


@pytest.mark.parametrize("preset", ["nbsvm", "tfidf"])
def test_classifiers_that_count_words(run, preset, tmp_path):
    code, out, err = run("train", "--preset", preset, "--out", "model", "--seed", "1")
    assert code == 0, err
    assert out.splitlines()[0].startswith("part ")
    assert len(out.splitlines()) == 3
    code, out, _ = run("predict", "--model", "model", "A joy.", "Dull.", "--format", "jsonl")
    assert code == 0
    assert [list(json.loads(line)) for line in out.splitlines()] == [
        ["text", "label", "probability", "truncated"]
    ] * 2
    assert run("evaluate", "model", "--data", "sample")[0] == 0
    assert f" {preset}" in run("runs", ".")[1]
    code, _, err = run("train", "--preset", preset, "--out", "model")
    assert (code, "is there already and holds a model" in err) == (2, True)
    # Models of both kinds take each other's place.
    code, _, err = run("train", "--out", "model", "--overwrite", "--engine", "numpy", *SMALL)
    assert code == 0, err
    assert run("train", "--preset", preset, "--out", "model", "--overwrite")[0] == 0
    code, _, err = run("train", "--preset", preset, "--out", "new", "--units", "3")
    assert (code, f"{preset} is no network: it has no --units" in err) == (2, True)
    code, _, err = run("predict", "--model", "model", "--explain", "A joy.")
    assert (code, "counts words, and no network" in err) == (4, True)
    assert "as does `predict` without --explain" in err
    code, _, err = run("convert", "model", "--to", "onnx", "--out", "graph")
    assert (code, "counts words, and no network" in err) == (4, True)
    for command in ("summary", "tune"):
        code, _, err = run(command, "--preset", preset)
        assert code == 2
        assert f"It is trained by `sentiment-rnn train --preset {preset}`" in err


def test_more_than_two_classes(run, tmp_path):
    words = {1: "awful", 3: "fair", 5: "superb"}
    rows = [{"text": f"{words[1 + 2 * (n % 3)]} film", "label": 1 + 2 * (n % 3)} for n in range(60)]
    (tmp_path / "stars.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = ("--data", "stars.jsonl", "--multiclass")
    learned = ("--engine", "numpy", "--epochs", "8", "--learning-rate", "0.01")
    code, _, err = run("train", *data, *SMALL, *learned, "--out", "model")
    assert code == 0, err
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "sentiment-rnn train --data DATA --multiclass --preset textbook" in card
    code, out, _ = run("predict", "--model", "model", "superb film", "--format", "jsonl")
    found = json.loads(out)
    assert (code, found["label"]) == (0, "5")
    assert found["probabilities"][2] == max(found["probabilities"])
    assert run("predict", "--model", "model", "superb film")[1].startswith("5\t0.")
    code, out, _ = run("evaluate", "model", *data)
    assert code == 0
    assert out.count(" called") == 3
    code, out, _ = run("predict", "--model", "model", "--explain", "awful film")
    assert code == 0
    assert out.startswith("1\t0.")
    assert "probability of 1  contribution" in out
    code, _, err = run("evaluate", "model", *data, "--report", "report")
    assert code == 0, err
    assert "called 5" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    code, _, err = run("train", "--data", "stars.jsonl", "--out", "other", *SMALL)
    assert code == 3
    assert "looks like a star rating" in err
    assert "--positive-from 7 for example; or let each rating be a class: --multiclass" in err
    # Labels of another kind than the model's.
    code, _, err = run("evaluate", "model", "--data", "sample")
    assert (code, "knows the classes [1, 3, 5]. Received: 0\n" in err) == (3, True)
    assert err.endswith("Labels of the model's kind are given by --multiclass\n")
    code, _, err = run("evaluate", "distilled", *data)
    assert (code, "knows the classes [0, 1]. Received: 3\nIt tells" in err) == (3, True)
    assert "leave --multiclass out" in err
    (tmp_path / "names.csv").write_text("text,label\nfine,joy\ndull,rage\n")
    code, _, err = run("evaluate", "model", "--data", "names.csv", "--multiclass")
    assert (code, "Received: 'joy'\nExpected the labels that it was" in err) == (3, True)


def test_a_report(run, saved, tmp_path):
    options = ("evaluate", saved, "--data", "sample")
    code, out, err = run(*options, "--report", "report")
    assert code == 0, err
    assert f"saved {Path('report', 'index.html')}\n" in err
    assert out.splitlines()[0] == run(*options)[1].splitlines()[0]
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert f"<title>How good {saved.name} is</title>" in page
    (tmp_path / "file").write_text("")
    code, _, err = run(*options, "--report", "file/report")
    assert (code, "Could not make the folder file/report" in err) == (5, True)


# Predicting


TEXTS = ["A joy.", "Dull, dull.", 'Say "no", then leave\tnow.', "Schön – 好い film"]


def test_every_way_in_and_out_says_the_same(run, saved, tmp_path, monkeypatch):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    options = ("predict", "--model", saved)
    code, out, err = run(*options, "--format", "jsonl", *TEXTS)
    assert code == 0, err
    expected = [json.loads(line) for line in out.splitlines()]
    assert [row["text"] for row in expected] == TEXTS

    _, out, _ = run(*options, "--format", "json", "--input", "texts.txt")
    assert json.loads(out) == expected

    code, out, _ = run(*options, "--format", "csv", "--input", "texts.txt", "--output", "o.csv")
    assert (code, out) == (0, "")
    with open("o.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == TEXTS
    assert [float(row["probability"]) for row in rows] == [row["probability"] for row in expected]

    _, out, _ = run(*options, *TEXTS)
    for line, row in zip(out.splitlines(), expected, strict=True):
        assert line == f"{row['label']}\t{row['probability']:.4f}\t{row['text']}"

    for more in ([], ["--input", "-"]):
        done = subprocess.run(
            [sys.executable, "-m", "sentiment_rnn", *options, "--format", "jsonl", *more],
            input="\n".join(TEXTS).encode(),
            capture_output=True,
            check=True,
        )
        for line, row in zip(done.stdout.decode().splitlines(), expected, strict=True):
            assert json.loads(line) == pytest.approx(row)


def test_a_review_longer_than_maxlen_says_so(run, saved):
    long = "a film " * 100
    _, out, _ = run("predict", "--model", saved, "--format", "jsonl", long, "a film")
    assert [json.loads(line)["truncated"] for line in out.splitlines()] == [True, False]
    _, out, _ = run("predict", "--model", saved, long)
    assert out.endswith("\t(truncated)\n")


def test_more_texts_than_are_read_at_a_time(run, saved, tmp_path, monkeypatch):
    monkeypatch.setattr("sentiment_rnn.commands.sentiment.CHUNK", 3)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS * 2))
    _, together, _ = run("predict", "--model", saved, *TEXTS, *TEXTS, "--format", "csv")
    _, chunked, _ = run("predict", "--model", saved, "--input", "texts.txt", "--format", "csv")
    assert chunked == together
    assert len(list(csv.reader(io.StringIO(chunked)))) == 9


def test_an_empty_input_gives_an_empty_output(run, saved, tmp_path):
    (tmp_path / "texts.txt").write_text("")
    for kind, expected in (("text", ""), ("jsonl", ""), ("json", "[]\n")):
        code, out, _ = run("predict", "--model", saved, "--input", "texts.txt", "--format", kind)
        assert (code, out) == (0, expected)


def test_texts_without_a_known_word_are_counted(run, saved, tmp_path):
    options = ("predict", "--model", saved)
    note = "texts have no word that the model knows: it says the same of all such texts\n"
    code, out, err = run(*options, "", "a good film", "xqzt")
    assert code == 0
    assert len({line.split("\t")[1] for line in out.splitlines()}) == 2
    assert err == f"2 of 3 {note}"
    assert run(*options, "a good film")[2] == ""
    assert run(*options, "--explain", "xqzt")[2] == f"1 of 1 {note}"
    assert run(*options, "--page", "page.html", "xqzt", "film")[2].startswith(f"1 of 2 {note}")
    for content, expected in (("", f"1 of 1 {note}"), ("xqzt " * 99 + "film", "")):
        (tmp_path / "text").write_text(content)
        assert run(*options, "--document", "--input", "text")[2] == expected


def test_a_file_that_is_no_list_of_texts_is_noted(run, saved, tmp_path):
    (tmp_path / "film").write_text("a good film\n")
    code, out, err = run("predict", "--model", saved, "film", "a good film", "film" * 999)
    assert (code, len(out.splitlines())) == (0, 3)
    hint = "film is a file, and its name is taken for a text. To classify what it holds: "
    assert err.splitlines()[0] == hint + "--input film"
    (tmp_path / "films.CSV").write_text("text\na good film\n")
    code, out, err = run("predict", "--model", saved, "--input", "films.CSV")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "films.CSV looks like a table, and is taken for plain text." in err
    assert "sentiment-rnn score films.CSV --output DIR" in err


def test_a_model_becomes_onnx(run, saved, tmp_path, monkeypatch):
    code, out, err = run("convert", saved, "--to", "onnx", "--out", "onnx")
    assert (code, out, err) == (0, "", "saved onnx\n")
    assert (tmp_path / "onnx" / "model.onnx").is_file()
    code, _, err = run("convert", "textbook", "--to", "onnx", "--out", "onnx")
    assert (code, "onnx is there already" in err) == (2, True)
    code, _, err = run("convert", saved, "--to", "onnx", "--out", saved, "--overwrite")
    assert (code, "holds something else than an ONNX graph" in err) == (2, True)
    assert run("convert", saved, "--to", "onnx", "--out", "onnx", "--overwrite")[0] == 0
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = run("convert", saved, "--to", "onnx", "--out", "other")
    assert (code, 'pip install "sentiment_rnn[onnx]"' in err) == (2, True)
    assert not (tmp_path / "other").exists()


# Explaining


EXPLAINED = ["A dull start, a wonderful end, xyzzyq.", 'Say "no"<br />\x1b[2J now']


def test_an_explanation_goes_through_every_token(run, saved, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    code, out, err = run("predict", "--explain", "--model", saved, *EXPLAINED)
    assert code == 0, err
    classifier = SentimentClassifier.load(saved)
    for block, text in zip(out.split("\n\n"), EXPLAINED, strict=False):
        first, head, *lines = block.splitlines()
        (expected,) = classifier.explanations([text])
        assert first == f"{expected.label}\t{expected.probability:.4f}"
        assert head.split() == ["token", "probability", "contribution"]
        for line, token in zip(lines, expected.tokens, strict=True):
            there = text[token.start : token.end].replace("\x1b", "\\x1b")
            adds = "not read" if token.contribution is None else f"{token.contribution:+.2f}"
            assert line.split(maxsplit=2) == [there, f"{token.probability:.3f}", adds]
    assert "not read" in out
    assert "\x1b" not in out


def test_on_a_terminal_an_explanation_colours_the_text(run, saved, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, out, _ = run("predict", "--explain", "--model", saved, *EXPLAINED)
    colours = re.findall(r"\x1b\[38;5;16;48;5;(\d+)m(.*?)\x1b\[0m", out)
    (first, _) = SentimentClassifier.load(saved).explanations(EXPLAINED)
    added = [(token.token, token.contribution or 0) for token in first.tokens]
    most = max(abs(contribution) for _, contribution in added)
    names = {-3: "208", -2: "216", -1: "223", 1: "153", 2: "111", 3: "75"}
    levels = [(round(3 * contribution / most), word) for word, contribution in added]
    expected = [(names[level], word) for level, word in levels if level]
    assert colours[: len(expected)] == expected
    # Without its colours it is the text, but that nothing in it can move a terminal's cursor.
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "\x1b" not in plain
    assert plain.split("\n\n")[0].split("\n")[1] == EXPLAINED[0]
    assert 'Say "no"<br />\\x1b[2J now' in plain
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = run("predict", "--explain", "--model", saved, *EXPLAINED)
    assert "\x1b" not in out


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_an_explanation_as_json(run, saved, tmp_path, method):
    options = ("predict", "--explain", "--model", saved, "--method", method, *EXPLAINED, "")
    _, out, _ = run(*options, "--format", "jsonl")
    found = [json.loads(line) for line in out.splitlines()]
    expected = SentimentClassifier.load(saved).explanations([*EXPLAINED, ""], method=method)
    for row, explanation in zip(found, expected, strict=True):
        keys = ["text", "label", "probability", "truncated", "class_names", "classes", "before"]
        assert list(row) == [*keys, "tokens"]
        assert row["class_names"] == ["negative", "positive"]
        assert (row["text"], row["label"]) == (explanation.text, explanation.label)
        for token, other in zip(row["tokens"], explanation.tokens, strict=True):
            assert token == pytest.approx(other._asdict(), abs=1e-6)
    _, out, _ = run(*options, "--format", "json")
    assert json.loads(out) == found
    code, out, _ = run(*options, "--format", "json", "--output", "o.json")
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "o.json").read_text(encoding="utf-8")) == found


@pytest.mark.parametrize("kind", ["text", "jsonl", "csv"])
def test_a_page_of_explanations(run, saved, tmp_path, kind):
    options = ("predict", "--model", saved, "--format", kind, *EXPLAINED)
    code, out, err = run(*options, "--page", "page.html")
    assert (code, err) == (0, "saved page.html\n")
    assert out == run(*options)[1]
    data = data_of(tmp_path / "page.html")
    assert [one["text"] for one in data["texts"]] == EXPLAINED
    assert f"<title>Why {saved.name} says what it says</title>" in (
        tmp_path / "page.html"
    ).read_text(encoding="utf-8")


def test_too_many_texts_for_a_page_and_none(run, saved, tmp_path, monkeypatch):
    monkeypatch.setattr("sentiment_rnn.commands.sentiment.SHOWN", 2)
    options = ("predict", "--model", saved, "--page", "page.html")
    code, out, err = run(*options, "a", "b", "c")
    assert (code, out) == (2, "")
    assert "A page shows at most 2 texts. Received more: shorten the input." in err
    (tmp_path / "empty.txt").write_text("")
    code, _, err = run(*options, "--input", "empty.txt")
    assert code == 3
    assert "A page shows at least one text. Received none." in err
    assert not (tmp_path / "page.html").exists()


def test_no_control_character_reaches_a_terminal(run, saved):
    _, out, _ = run("predict", "--model", saved, "a\x1b[2Jb\r\x07\x9b", "tab\tstays")
    first, second = out.splitlines()
    assert first.endswith("\ta\\x1b[2Jb\\x0d\\x07\\x9b")
    assert second.endswith("\ttab\tstays")


DOCUMENT = "A joy –\nfrom start<br />to finish,\r\nand far too short. " * 3


@pytest.mark.parametrize("piece", [1, 2, 7, 1 << 16])
@pytest.mark.parametrize("kind", ["text", "json", "jsonl", "csv"])
def test_a_document_is_one_text(run, saved, tmp_path, monkeypatch, piece, kind):
    monkeypatch.setattr("sentiment_rnn.commands.data.PIECE", piece)
    (tmp_path / "book.txt").write_text(DOCUMENT, encoding="utf-8", newline="")
    options = ("predict", "--model", saved, "--document", "--format", kind)
    code, out, err = run(*options, "--input", "book.txt")
    assert code == 0, err
    (expected,) = SentimentClassifier.load(saved).predictions([DOCUMENT])
    label, text = expected.label, " ".join(DOCUMENT.split())[:80].rstrip() + "…"
    probability = round(expected.probability, 6)
    if kind == "text":
        *row, text_out = out.rstrip("\n").split("\t")
        assert row == [label, f"{probability:.4f}"]
    else:
        if kind == "csv":
            (found,) = csv.DictReader(io.StringIO(out))
            assert found.pop("truncated") == "False"
        elif kind == "json":
            (found,) = json.loads(out)
            assert found.pop("truncated") is False
        else:
            found = json.loads(out)
            assert found.pop("truncated") is False
        assert list(found) == ["text", "label", "probability"]
        assert found["label"] == label
        assert float(found["probability"]) == pytest.approx(probability, abs=2e-6)
        text_out = found["text"]
    if piece == 1 << 16:
        assert text_out == text
    # The output goes to a file as well, and nothing else is written.
    code, again, _ = run(*options, "--input", "book.txt", "--output", "out")
    assert (code, again) == (0, "")
    assert (tmp_path / "out").read_text(encoding="utf-8") == out


def test_a_document_from_standard_input_is_read_as_far_as_the_model_reads(saved, tmp_path):
    """The input has no end: whoever writes it is told that nobody reads any more."""
    command = [sys.executable, "-m", "sentiment_rnn", "predict", "--document", "--model", saved]
    done = subprocess.run(
        ["bash", "-c", 'yes "a good film" | "$@"', "bash", *command, "--format", "jsonl"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    row = json.loads(done.stdout)
    (expected,) = SentimentClassifier.load(saved).predictions(["a good film\n" * 60])
    assert row["truncated"]
    assert row["label"] == expected.label
    assert row["probability"] == pytest.approx(expected.probability, abs=2e-6)
    assert row["text"] == ("a good film " * 9)[:80].rstrip() + "…"
    assert done.stderr == ""


def test_an_empty_document_is_a_text_too(run, saved, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    options = ("predict", "--model", saved, "--format", "json")
    code, out, _ = run(*options, "--document", "--input", "empty.txt")
    assert code == 0
    assert json.loads(out) == json.loads(run(*options, "")[1])


@pytest.mark.parametrize(
    ("content", "offset", "received"),
    [
        (b"\xff", 0, "0xff, invalid start byte"),
        ("schön".encode() * 100 + b"\xe2\x28", 600, "0xe2, invalid continuation byte"),
        (b"fine \xe2\x80", 5, "0xe2, unexpected end of data"),
    ],
)
@pytest.mark.parametrize("piece", [1, 3, 1 << 16])
def test_a_document_that_is_not_utf8_names_the_byte(
    run, saved, tmp_path, monkeypatch, content, offset, received, piece
):
    monkeypatch.setattr("sentiment_rnn.commands.data.PIECE", piece)
    (tmp_path / "book.txt").write_bytes(content)
    options = ("predict", "--model", saved, "--document", "--input", "book.txt")
    code, out, err = run(*options, "--output", "out")
    assert (code, out) == (3, "")
    message = f"book.txt, byte offset {offset}: expected UTF-8 text. Received: {received}\n"
    assert err == f"sentiment-rnn: {message}"
    assert not (tmp_path / "out").exists()


def test_a_reader_that_stops_early_is_no_error(saved):
    command = f"yes film | head -20000 | {sys.executable} -m sentiment_rnn predict --model {saved}"
    done = subprocess.run(f"{command} | head -1", shell=True, capture_output=True, text=True)
    assert done.stdout.endswith("film\n")
    assert done.stderr == ""


# Errors


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["train", "--units", "0"],
            2,
            "units must be a whole number from 1 to 1,000,000. Received: 0",
        ),
        (["train", "--units", "x"], 2, "argument --units: invalid int value: 'x'"),
        (["train", "--preset", "x"], 2, "Unknown preset 'x'. Expected one of: textbook, "),
        (["train", "--preset", "x"], 2, "`sentiment-rnn train` takes nbsvm and tfidf too"),
        (["train", "--unit", "3x"], 2, "unit"),
        (["train", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (["train", "--masking"], 2, "the head flatten has weights for each of them"),
        (["train", "--limit", "1"], 2, "The limit must be at least 2"),
        (["train", "--units", "1000000"], 2, "parameters. Expected at most 500,000,000"),
        (["train", "--validation-fraction", "0.999", "--limit", "2"], 3, "can't be divided"),
        (["vectors", "--data", "sample", "--out", "v", "--words", "0"], 2, "expected at least 1"),
        (["train", "--data", "nowhere"], 2, "nowhere"),
        (["train", "--data", "nowhere.csv"], 5, "nowhere.csv"),
        (["train", "--data", "nowhere.tar.gz"], 5, "nowhere.tar.gz"),
        (["train", "--data", "imdb"], 5, "sentiment-rnn download imdb"),
        (["train", "--positive-from", "20"], 2, "Only a table is asked for --positive-from 20"),
        (["train", "--vectors", "no.bin"], 5, "Could not read no.bin"),
        (["train", "--vectors", "no.zip"], 3, "Expected word vectors in a .bin, .txt or .vec"),
        (["train", "--resume", "--out", "no"], 2, "There is nothing to resume yet: neither no.che"),
        (["evaluate", "no", "--data", "sample"], 4, "Expected a model folder. There is none at no"),
        (["evaluate", "no"], 2, "the following arguments are required: --data"),
        (["predict", "--model", "no", "x"], 4, "Expected a model folder. There is none at no"),
        (["predict", "--model", "no.json", "x"], 2, "holds no word vectors. Name those"),
        (["predict", "x", "--input", "y"], 2, "as arguments or in --input, not both"),
        (["predict", "--document", "x"], 2, "--document takes the document from --input or"),
        (["predict", "--document", "--input", "no.txt"], 5, "Could not read no.txt: No such file"),
        (["predict", "--input", "no.txt"], 5, "Could not read no.txt: No such file"),
        (["predict", "--vectors", "imdb", "x"], 2, "A model folder has its own word vectors"),
        (["predict", "--format", "xml", "x"], 2, "invalid choice: 'xml'"),
        (["convert", "old.json", "--out", "x"], 2, "Expected OLD.json and OLD.h5"),
        (["convert", "a", "b", "--to", "onnx", "--out", "x"], 2, "name that, and no weights"),
        (["convert", "no", "--to", "onnx", "--out", "x"], 4, "Expected a model folder. There is"),
        (["predict", "--explain", "--format", "csv", "x"], 2, "A row has no room for all tokens"),
        (["predict", "--explain", "--document", "--input", "x"], 2, "leave --document out"),
        (["predict", "--method", "occlusion", "x"], 2, "give --explain or --page with it"),
        (["convert", "a.json", "a.h5", "--out", "o"], 2, "holds no word vectors"),
        (["convert", "a.json", "a.h5", "--out", "o", "--vectors", "imdb"], 4, "a.json"),
        (["runs"], 5, "No run log at trained/runs.jsonl"),
        (["download", "x"], 2, "invalid choice: 'x'"),
        ([], 2, "required: COMMAND"),
    ],
)
def test_errors_have_a_message_and_an_exit_code(
    run, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path / "cache"))
    actual, out, err = run(*arguments)
    assert message in err
    assert (actual, out) == (code, "")
    assert "Traceback" not in err
    if code != 2:
        assert len(err.split("sentiment-rnn: ")[-1].splitlines()) <= 3
    assert not (tmp_path / "trained").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--data", "nowhere.csv"], 5),
        (["pretrain", "--data", "nowhere.csv", "--out", "x"], 5),
        (["chars", "train", "nowhere", "--out", "x", "--engine", "keras"], 5),
        (["summary", "--preset", "nowhere"], 2),
        (["summary", "--model", "nowhere"], 4),
    ],
)
def test_errors_come_before_keras(run, monkeypatch, arguments, code):
    def import_keras():
        raise AssertionError("Keras is imported")

    for place in ("imports", "sentiment", "characters"):
        monkeypatch.setattr(f"sentiment_rnn.commands.{place}.import_keras", import_keras)
    actual, _, err = run(*arguments)
    assert (actual, "nowhere" in err) == (code, True)


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [("<&-", 2, "No text to predict"), (">&- </dev/null", 5, "Standard output is closed")],
)
def test_closed_streams(redirection, code, message):
    command = f"{sys.executable} -m sentiment_rnn predict {redirection}"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_input_that_is_not_utf8_names_the_line(run, saved, tmp_path):
    (tmp_path / "texts.txt").write_bytes(b"fine\n\xff\xfe\n")
    code, out, err = run("predict", "--model", saved, "--input", "texts.txt", "--output", "out.txt")
    assert (code, out) == (3, "")
    assert "texts.txt, line 2: expected UTF-8 text" in err
    assert not (tmp_path / "out.txt").exists()


def test_an_output_that_cannot_be_written(run, saved, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("predict", "--model", saved, "x", "--output", "file/out.txt")
    assert code == 5
    assert "Could not write file/out.txt" in err


def test_interrupting_saves_nothing(run, tmp_path, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("sentiment_rnn.training.keras_engine.fit_with_keras", interrupt)
    code, out, err = run("train", *SMALL)
    assert (code, out) == (130, "")
    assert err.endswith("sentiment-rnn: interrupted\n")
    assert not (tmp_path / "trained").exists()


def test_debug_shows_the_traceback(run):
    with pytest.raises(Exception, match="There is none at no"):
        main(["predict", "--debug", "--model", "no", "x"])


# The other commands


def test_summary_is_that_of_keras(run, saved):
    code, out, _ = run("summary")
    assert code == 0
    assert "37,551" in out
    assert "simplernn_0 (SimpleRNN)" in out
    assert "80,101" in run("summary", "--units", "100")[1]
    assert "bidirectional" in run("summary", "--model", saved)[1]


def test_vectors_are_trained_and_used(run, tmp_path):
    options = ("--words", "200", "--vector-size", "7", "--epochs", "1", "--int8")
    code, out, err = run("vectors", "--data", "sample", "--out", "v.npz", *options)
    assert (code, out) == (0, ""), err
    assert "saved 200 words to v.npz" in err
    code, _, err = run("train", *SMALL, "--vectors", "v.npz", "--out", "model")
    assert code == 0, err
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["provenance"]["vectors"] == "v.npz"
    assert run("predict", "--model", "model", "A joy.")[0] == 0
    code, _, err = run("train", *SMALL, "--vectors", "model", "--out", "second")
    assert code == 0, err


def test_keras_3_files_are_converted_and_predict(run, saved, tmp_path):
    shutil.copy(saved / "model.json", "old.json")
    shutil.copy(saved / "model.weights.h5", "old.weights.h5")
    options = ("--vectors", "imdb")
    code, _, err = run("convert", "old.json", "old.weights.h5", "--out", "new", *options)
    assert code == 0, err
    rows = []
    for model in ((saved,), ("new",), ("old.json", *options)):
        code, out, err = run("predict", "--format", "json", "A joy.", "Dull.", "--model", *model)
        assert code == 0, err
        rows.append(json.loads(out))
    assert rows[0] == rows[1] == rows[2]
    fed = ("--padding", "pre", "--keep-break-tags")
    code, _, err = run("convert", "old.json", "old.weights.h5", "--out", "fed", *options, *fed)
    assert code == 0, err
    config = SentimentClassifier.load("fed").preprocessor.config
    assert (config.padding, config.keep_break_tags, config.maxlen) == ("pre", True, 60)
    code, _, err = run("train", "--resume", "--out", "new")
    assert code == 2
    assert "A converted model has no training settings" in err


# The cache


@pytest.fixture
def archive(tmp_path):
    """The sample corpus as an archive."""
    path = tmp_path / "sample.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        packed.add(ROOT / "data" / "sample" / "aclImdb", "aclImdb")
    return path


def start(code, *arguments, **environment):
    """Runs a command in a process of its own, where every corpus counts as large."""
    code = f"""
import sys
from sentiment_rnn import _cache
_cache.LARGE = 1
from sentiment_rnn.datasets import imdb
from sentiment_rnn.preprocessing import TreebankTokenizer, tokenized
tokenized.BATCH_CHARACTERS = 20_000
tokenized.FOR_PROCESSES = 1
{code}
from sentiment_rnn.cli import main
sys.exit(main(sys.argv[1:]))
"""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


# Whoever reads the archive or tokenizes, here or in workers, fails.
REFUSING = """
def refuse(*arguments):
    raise SystemExit("not from the cache")
imdb._read_archive = TreebankTokenizer.tokenize = tokenized.tokenize_batches = refuse
"""


def test_a_second_training_takes_up_what_the_first_has_read(tmp_path, archive):
    train = ["train", *SMALL, "--engine", "numpy", "--no-test", "--data", archive]
    environment = {"SENTIMENT_RNN_CACHE": str(tmp_path / "cache")}
    first = start("", *train, "--out", tmp_path / "first", **environment)
    assert first.returncode == 0, first.stderr
    # The reviews, their tokens and their ids.
    assert len(list((tmp_path / "cache" / "corpora").iterdir())) == 3
    second = start(REFUSING, *train, "--out", tmp_path / "second", **environment)
    assert second.returncode == 0, second.stderr
    without = [*train, "--no-cache", "--out", tmp_path / "third"]
    refused = start(REFUSING, *without, **environment)
    assert "not from the cache" in refused.stderr
    third = start("", *without, **environment)
    assert third.returncode == 0, third.stderr
    models = [SentimentClassifier.load(tmp_path / name) for name in ("first", "second", "third")]
    for model in models[1:]:
        assert model.history_ == models[0].history_
        assert model.metrics_ == models[0].metrics_
        for array, expected in zip(model._weights, models[0]._weights, strict=True):
            np.testing.assert_array_equal(array, expected, strict=True)
    other = [*train, "--keep-break-tags", "--out", tmp_path / "fourth"]
    refused = start(REFUSING, *other, **environment)
    assert "not from the cache" in refused.stderr


@pytest.mark.parametrize(
    ("options", "environment"),
    [(["--no-cache"], {}), ([], {"SENTIMENT_RNN_NO_CACHE": "1"})],
    ids=["option", "environment"],
)
def test_nothing_is_kept_on_request(tmp_path, archive, options, environment):
    environment = {"SENTIMENT_RNN_CACHE": str(tmp_path / "cache"), **environment}
    model = ROOT / "models" / "textbook"
    done = start("", "evaluate", model, "--data", archive, *options, **environment)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "cache").exists()
    environment = {"SENTIMENT_RNN_CACHE": str(tmp_path / "cache")}
    again = start("", "evaluate", model, "--data", archive, **environment)
    assert len(list((tmp_path / "cache" / "corpora").iterdir())) == 1
    assert done.stdout.split("\n")[2:] == again.stdout.split("\n")[2:]


def test_word_vectors_are_the_same_from_the_cache(tmp_path, archive):
    environment = {"SENTIMENT_RNN_CACHE": str(tmp_path / "cache")}
    options = ["vectors", "--data", archive, "--vector-size", 5, "--epochs", 1]
    for name, code in (("a.npz", ""), ("b.npz", REFUSING)):
        done = start(code, *options, "--out", tmp_path / name, **environment)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_help_and_version_come_at_once():
    for arguments in (["--help"], ["--version"], ["train", "--help"]):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "sentiment_rnn", *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "100"},
        )
        assert done.stdout
        loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
        assert not loaded & {"keras", "tensorflow", "gensim", "nltk", "sklearn"}


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            ["train"],
            ["layer (50; bidirectional 10; recommended 128; pretrained 256)", "zero vectors (po"],
        ),
        (
            ["tune"],
            ["kept of a text; 0 keeps all of them (400; bidirectional 100; stateful 0; rec"],
        ),
        (
            ["summary"],
            ["instead of reading it (no; stateful yes; recommended yes; pretrained yes)"],
        ),
        (["pretrain"], ["(256; textbook 50; bidirectional 10; stateful 50; recommended 128)"]),
        (["pretrain"], ["passes over the texts (10)"]),
        (["chars", "train"], ["recurrent layer (128; hidden-feedback 100; output-feedback 50)"]),
        (["chars", "train"], ["layer (lstm)", "passes over the training part (20)"]),
        (["serve"], ["texts in a request (256)"]),
        (["convert"], ["end of long texts is dropped (post)"]),
    ],
)
def test_help_shows_what_settings_are_where_they_are_not_given(run, command, shown):
    code, out, _ = run(*command, "--help")
    assert code == 0
    for text in shown:
        assert text in " ".join(out.split())


@pytest.mark.parametrize("keras_version", [1, 2])
def test_files_of_old_keras_versions_are_converted_and_predict(
    run, trained, sample, keras_version, monkeypatch
):
    """The trained network, written as Keras 1 and 2 wrote it, says the same of every review."""
    forward, forward_u, forward_b, backward, backward_u, backward_b, *dense = trained._weights
    directions = [
        old_keras.Direction({"h": forward}, {"h": forward_u}, {"h": forward_b}),
        old_keras.Direction({"h": backward}, {"h": backward_u}, {"h": backward_b}),
    ]
    layers = [
        old_keras.Layer(
            "SimpleRNN",
            units=4,
            return_sequences=True,
            merge_mode="concat",
            directions=directions,
            number=1,
        ),
        old_keras.Layer("Dropout", rate=0.2, number=2),
        old_keras.Layer("Flatten", number=3),
        old_keras.Layer(
            "Dense", units=1, activation="sigmoid", kernel=dense[0], bias=dense[1], number=4
        ),
    ]
    shape = (None, 60, 300)
    if keras_version == 1:
        document = old_keras.keras_1_json(layers, shape)
        old_keras.keras_1_weights(Path("old.h5"), layers)
    else:
        document = old_keras.keras_2_json(layers, shape)
        old_keras.keras_2_weights(Path("old.h5"), layers)
    old_keras.write(Path("old.json"), document)

    options = ("--vectors", "imdb")
    code, _, err = run("convert", "old.json", "old.h5", "--out", "new", *options)
    assert code == 0, err
    _, test = sample
    expected = trained.predict_proba(test.texts)
    converted = SentimentClassifier.load("new")
    np.testing.assert_allclose(converted.predict_proba(test.texts), expected, atol=1e-6)
    code, out, err = run(
        "predict", "--model", "old.json", *options, "--format", "json", *test.texts[:3]
    )
    assert code == 0, err
    for row, probabilities in zip(json.loads(out), expected[:3], strict=True):
        assert row["probability"] == pytest.approx(probabilities[1], abs=1e-5)
    # Of a file of vectors no more is read than it takes, which is of all texts.
    monkeypatch.setattr("sentiment_rnn.commands.sentiment.CHUNK", 2)
    vectors = converted.word_vectors
    lines = [f"{len(vectors.words)} {vectors.vector_size}"]
    matrix = vectors.matrix()
    assert len(matrix) == len(vectors.words)
    lines += [
        f"{word} {' '.join(map(str, row))}"
        for word, row in zip(vectors.words, matrix.tolist(), strict=True)
        if " " not in word
    ][:2000]
    Path("vectors.txt").write_text(
        "\n".join([lines[0].replace(str(len(matrix)), "2000"), *lines[1:]])
    )
    Path("texts.txt").write_text(
        "\n".join(["A great film .", "The end .", "A bad film .", "awful"])
    )
    for more in ([], ["--explain"]):
        code, out, err = run(
            "predict", "--model", "old.json", "--vectors", "vectors.txt", "--input", "texts.txt",
            "--format", "jsonl", *more,
        )  # fmt: skip
        assert code == 0, err
        assert "no word that the model knows" not in err
        last = json.loads(out.splitlines()[-1])
        code, out, _ = run(
            "predict", "--model", "old.json", "--vectors", "vectors.txt", "awful", "--format",
            "jsonl", *more,
        )  # fmt: skip
        assert last["probability"] == json.loads(out)["probability"]


def test_cells_of_a_sentiment_model_are_asked(run, tmp_path):
    code, out, err = run("probe", "textbook", "--data", "sample", "--cells", "2", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["texts"] == 60
    assert len(found["cells"]) == 2
    _, test = load_data("sample")
    assert test is not None
    means = SentimentClassifier.load("textbook").mean_states(test.texts)
    best = found["cells"][0]
    again = {one.cell: one.auc for one in rank_by_label(means, test.labels)}
    assert best["auc"] == pytest.approx(again[best["cell"]])
    code, out, _ = run("probe", "textbook", "--data", "sample", "--limit", "40")
    assert code == 0
    assert "all 50 cells together: accuracy 0." in out
    code, _, err = run("probe", tmp_path / "none", "--data", "sample")
    assert code == 4
    assert "none" in err


# What is there already


def test_the_default_model_is_not_what_lies_in_the_folder(run, tmp_path):
    expected = run("predict", "Wonderful!")[1]
    for name in ("distilled", "shakespeare", "pretrained"):
        (tmp_path / name).mkdir()
    assert run("predict", "Wonderful!")[:2] == (0, expected)
    assert run("chars", "sample", "--length", "3")[0] == 0
    assert SentimentClassifier("pretrained").settings(to_fit=True).architecture.units == 256
    # Whoever names it means it.
    code, _, err = run("predict", "--model", "distilled", "Wonderful!")
    assert (code, "distilled is no whole model folder" in err) == (4, True)


def test_what_is_read_is_not_written_over(run, saved, tmp_path, table):
    (tmp_path / "texts.txt").write_text("a good film\n")
    (tmp_path / "link").symlink_to("texts.txt")
    for arguments in (
        ("predict", "--model", saved, "--input", "texts.txt", "--output", "texts.txt"),
        ("predict", "--model", saved, "--input", "texts.txt", "--page", "link"),
        ("chars", "show", "shakespeare", "--input", "texts.txt", "--out", "./texts.txt"),
    ):
        code, _, err = run(*arguments)
        assert (code, "is what is read: name another file in --" in err) == (2, True), arguments
    assert (tmp_path / "texts.txt").read_text() == "a good film\n"
    before = table.read_text()
    code, _, err = run("vectors", "--data", table, "--out", table)
    assert (code, "Word vectors are a file NAME.npz" in err) == (2, True)
    assert table.read_text() == before


def test_names_that_no_file_can_have(run, table):
    for arguments, exit_code, message in (
        (("train", "--resume", "--out", "/"), 2, "Expected the name of a file or folder."),
        (("train", "--data", "~nobody-is-called-so/x.csv"), 5, "there is no such user"),
        (("tune", "--data", table, "--study", "."), 2, "Expected the name of a file."),
        (("tune", "--data", table, "--study", "a.json"), 2, "over the study itself: a.json"),
        (
            ("tune", "--data", table, "--study", "mine.db", "--preset", "./mine.json"),
            2,
            "over those that tuning begins with: mine.json. Name another file with --out",
        ),
        (("vectors", "--data", table, "--out", "v.npz", "--seed", "-1"), 2, "seed must be"),
    ):
        code, _, err = run(*arguments)
        assert (code, message in err) == (exit_code, True), (arguments, err)
        assert "Traceback" not in err


def test_a_folder_may_have_any_name(table, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    command = [sys.executable, "-m", "sentiment_rnn", "train", "--data", table, *SMALL]
    subprocess.run([*command, "--engine", "numpy", "--out", name], cwd=tmp_path, check=True)
    assert SentimentClassifier.load(tmp_path / name).provenance_["seed"] == 0
    card = (tmp_path / name / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# caf\\udce9\n")


def test_a_model_whose_origin_is_not_known_does_not_go_on(run, table, saved):
    model = SentimentClassifier.load(saved)
    model.provenance_ = {}
    model.save("model")
    code, _, err = run("train", "--data", table, "--resume", "--out", "model")
    assert (code, "Where this model comes from is not known" in err) == (2, True)


def test_training_does_not_go_on_from_another_kind_of_training(run, table, tmp_path):
    (tmp_path / "text").write_text("to be or not to be " * 50)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sentiment_rnn.training.checkpoints.remove_checkpoint", lambda _: None)
        small = ["--units", "3", "--layers", "1", "--epochs", "1"]
        assert run("chars", "train", "text", *small, "--out", "writer")[0] == 0
    code, _, err = run("train", "--data", table, "--resume", "--out", "writer")
    assert (code, "writer.checkpoint is of another kind of training" in err) == (2, True)


@pytest.mark.parametrize("redirect", ["2>&1 >scores | head -n 1", "2>&- >scores"])
def test_nobody_has_to_read_what_is_said_on_the_side(table, tmp_path, redirect):
    command = f"{sys.executable} -m sentiment_rnn train --engine numpy --out model"
    command += f" --data {table} {' '.join(SMALL)} {redirect}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert SentimentClassifier.load(tmp_path / "model").history_
    # Nothing but the scores.
    lines = (tmp_path / "scores").read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("validation ")


def test_a_run_that_can_not_be_noted_leaves_no_checkpoint(run, table, tmp_path):
    (tmp_path / "runs.jsonl").mkdir()
    code, out, err = run(
        "train",
        "--data",
        table,
        *SMALL,
        "--engine",
        "numpy",
        "--validation-fraction",
        "0.2",
        "--out",
        "model",
    )
    assert (code, "runs.jsonl" in err) == (5, True)
    # What was trained is there, its scores are said, and nothing looks interrupted.
    assert "validation " in out
    assert SentimentClassifier.load("model").history_
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model",
        "reviews.csv",
        "runs.jsonl",
    ]


def test_warnings_of_other_packages_stay_as_they_are(run, monkeypatch):
    def warn(_):
        warnings.warn_explicit("unheard of", UserWarning, "elsewhere.py", 1)

    monkeypatch.setattr("sentiment_rnn.commands.sentiment.runs", warn)
    with pytest.warns(UserWarning, match="^unheard of$"):
        assert run("runs", ".")[0] == 0
