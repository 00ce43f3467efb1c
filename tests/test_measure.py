"""The script that measures the models that ship."""

import json

import numpy as np
import pytest

from scripts import measure
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.datasets import load_data
from sentiment_rnn.errors import UsageError


def test_a_card_is_rewritten_and_the_model_stays(tmp_path, monkeypatch):
    classifier = SentimentClassifier.load("textbook")
    classifier.metrics_ = {"validation": classifier.metrics_["validation"]}
    classifier.save(tmp_path / "model")
    weights = (tmp_path / "model" / "model.weights.h5").read_bytes()
    monkeypatch.setattr("sys.argv", ["measure", str(tmp_path / "model"), "--data", "sample"])
    measure.main()
    assert (tmp_path / "model" / "model.weights.h5").read_bytes() == weights
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert list(metrics) == [
        "validation",
        "test",
        "short sentences on films",
        "short sentences with a negation",
        "short sentences on other things",
    ]
    assert metrics["test"]["texts"] == 60
    assert all(metrics[part]["texts"] == 40 for part in list(metrics)[2:])
    low, high = metrics["test"]["accuracy_interval"]
    assert low < metrics["test"]["accuracy"] < high
    card = (tmp_path / "model" / "README.md").read_text()
    accuracy = metrics["short sentences with a negation"]["accuracy"]
    assert f"| short sentences with a negation | 40 | {accuracy:.4f} | " in card
    by_length = metrics["test"]["accuracy_by_length"]
    assert sum(one["texts"] for one in by_length) == 60
    shortest = by_length[0]
    assert f"| {shortest['from']} to {shortest['to']} | {shortest['texts']} | " in card
    assert card.count("Accuracy by length") == 1


def test_a_model_is_made_smaller(tmp_path, monkeypatch):
    train, _ = load_data("sample")
    classifier = SentimentClassifier(
        "recommended", vectors="train", units=40, epochs=1, seed=3, validation_fraction=0.3
    )
    classifier.fit(train.texts, train.labels, groups=train.groups)
    folder = tmp_path / "model"
    classifier.save(folder)
    size = (folder / "model.weights.h5").stat().st_size
    # The reviews that validated it, and no others.
    held_out = measure.validated(classifier, train)
    scores = classifier.evaluate(held_out.texts, held_out.labels)
    assert scores["accuracy"] == classifier.metrics_["validation"]["accuracy"]
    assert scores["log_loss"] == pytest.approx(classifier.metrics_["validation"]["log_loss"])

    monkeypatch.setattr("sys.argv", ["measure", str(folder), "--data", "sample", "--round"])
    measure.main()
    smaller = SentimentClassifier.load(folder)
    assert (folder / "model.weights.h5").stat().st_size < 0.55 * size
    assert smaller.word_vectors.scales is not None
    texts = held_out.texts
    found, before = smaller.predict_proba(texts), classifier.predict_proba(texts)
    assert 0 < np.abs(found - before).max() < 0.01
    assert smaller.metrics_["validation"]["log_loss"] == pytest.approx(
        smaller.evaluate(texts, held_out.labels)["log_loss"]
    )
    rounded = (folder / "model.weights.h5").read_bytes()
    measure.main()
    assert (folder / "model.weights.h5").read_bytes() == rounded


def test_what_is_no_model_and_no_reviews(tmp_path, monkeypatch, capsys):
    table = tmp_path / "table.csv"
    table.write_text("text,label\ngood,1\nbad,0\n")
    for arguments, code, said in (
        (["nowhere"], 4, "Expected a model folder. There is none at nowhere"),
        (["textbook", "--data", str(table)], 3, f"reviews with a test part. Received: {table}"),
        (["textbook", "--data", "sample", "--round"], 2, "trained on other reviews than those"),
    ):
        monkeypatch.setattr("sys.argv", ["measure", *arguments])
        with pytest.raises(SystemExit) as ended:
            measure.main()
        assert ended.value.code == code
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert said in error
        assert error.count("\n") == 1


def test_weights_that_16_bits_have_no_room_for():
    classifier = SentimentClassifier.load("textbook")
    classifier._weights[-1] = np.full_like(classifier._weights[-1], 1e5)
    with pytest.raises(UsageError, match=r"at most 65,504 in 16 bits"):
        measure.round_off(classifier)
