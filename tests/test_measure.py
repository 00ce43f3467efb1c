"""The script that measures the models that ship."""

import json

from scripts import measure
from sentiment_rnn import SentimentClassifier


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
