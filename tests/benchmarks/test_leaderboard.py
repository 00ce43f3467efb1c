import json

import pytest

from benchmarks.leaderboard import ALL, LABELS, Baseline, Network, complete, few_labels, read, table
from sentiment_rnn import SentimentClassifier, load_imdb
from sentiment_rnn.baselines import BaselineClassifier
from tests.conftest import ROOT

SAMPLE = str(ROOT / "data" / "sample")
SMALL = {"engine": "numpy", "units": 2, "epochs": 1, "maxlen": 20}
FEW: dict[str, Network | Baseline] = {
    "small": Network("textbook", SMALL),
    "counts": Baseline("nbsvm"),
    "both ways": Network("bidirectional", SMALL),
}


def test_what_is_missing_is_trained_and_kept(tmp_path):
    file = tmp_path / "runs.jsonl"
    coming = complete(SAMPLE, ["counts", "small"], 2, file=file, entries=FEW)
    first, second = next(coming), next(coming)
    coming.close()  # stopped in the middle
    assert [(run["name"], run["seed"]) for run in (first, second)] == [("counts", 0), ("small", 0)]
    assert read(file, FEW) == [first, second]
    # A baseline without chance has one seed.
    models = tmp_path / "models"
    (third,) = complete(SAMPLE, list(FEW)[:2], 2, file=file, entries=FEW, models=models)
    assert (third["name"], third["seed"]) == ("small", 1)
    assert not list(complete(SAMPLE, list(FEW)[:2], 2, file=file, entries=FEW))
    assert second["parameters"] == 300 * 2 + 2 * 2 + 2 + 20 * 2 + 1
    assert second["settings"] == {"engine": "numpy", "units": 2, "epochs": 1, "maxlen": 20}
    assert second["bytes"] > 1_000_000
    train, test = load_imdb(SAMPLE)
    assert [path.name for path in models.iterdir()] == ["small-1"]
    kept = SentimentClassifier.load(models / "small-1")
    assert kept.score(test.texts, test.labels) == pytest.approx(third["test"])
    baseline = BaselineClassifier("nbsvm").fit(train.texts, train.labels, groups=train.groups)
    assert first["test"] == baseline.score(test.texts, test.labels)

    rows = table(read(file, FEW), FEW)
    assert [row[:3] for row in rows] == [["small", "2", "647"], ["counts", "1", ""]]
    mean = (second["test"] + third["test"]) / 2
    assert rows[0][4].startswith(f"{mean:.4f} ± ")

    # Of a network that has changed since, what was reached before counts no more.
    changed = {**FEW, "small": Network("textbook", {**SMALL, "units": 3})}
    assert read(file, changed) == [first]


def test_a_draw_of_the_labels_is_learned_from(tmp_path):
    few: dict[str, Network | Baseline] = {
        "NB-SVM, 1-3-grams, 100 labels": Baseline("nbsvm", 20),
        "recommended, 100 labels": Network("bidirectional", {**SMALL, "bidirectional": False}, 20),
    }
    runs = list(complete(SAMPLE, list(few), 2, file=tmp_path / "runs", entries=few))
    assert [run["seed"] for run in runs] == [0, 0, 1, 1]
    assert runs[0]["settings"] == {"method": "nbsvm", "labels": 20}
    assert "bidirectional" not in runs[1]["settings"]
    assert runs[1]["settings"]["labels"] == 20
    train, test = load_imdb(SAMPLE)
    part = train.limit(20, seed=1)
    baseline = BaselineClassifier("nbsvm", seed=1).fit(part.texts, part.labels, groups=part.groups)
    assert runs[2]["test"] == baseline.score(test.texts, test.labels)
    # The table is of the names.
    head, *rows = few_labels(runs)
    assert len(head) == len(rows[0]) == 1 + len(LABELS)
    filled = {row[0] for row in rows if row[1]}
    assert filled == {"recommended", "NB-SVM, 1-3-grams"}


def test_the_runs_that_are_kept_are_of_the_presets_as_they_are():
    runs = read()
    lines = (ROOT / "benchmarks" / "results" / "leaderboard.jsonl").read_text().splitlines()
    assert len(runs) == len(lines)
    assert len({(run["name"], run["seed"]) for run in runs}) == len(runs)
    for line in lines:
        assert 0.5 < json.loads(line)["test"] < 1


@pytest.mark.parametrize("name", ALL)
def test_every_entry_has_settings(name):
    json.dumps(ALL[name].settings())
