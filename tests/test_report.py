import csv
import itertools
import json
import re
from typing import Any

import numpy as np
import pytest

from sentiment_rnn import Reviews, SentimentClassifier
from sentiment_rnn.errors import DataError, ModelError, ResourceError, UsageError
from sentiment_rnn.evaluation import worst_mistakes
from sentiment_rnn.report import SHOWN
from tests.pages import HOSTILE, Elements


@pytest.fixture(scope="module")
def classifier():
    return SentimentClassifier.load("textbook")


@pytest.fixture(scope="module")
def written(classifier, sample, tmp_path_factory):
    """A folder with a report on the sample's test part, and the scores."""
    folder = tmp_path_factory.mktemp("reports") / "new" / "report"
    _, test = sample
    return folder, classifier.report(test, folder, title="How good it is")


def page(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


def test_a_report_says_what_evaluate_says(classifier, sample, written):
    folder, scores = written
    _, test = sample
    expected = classifier.evaluate(test.texts, test.labels)
    del expected["texts_per_second"], scores["texts_per_second"]
    assert scores == expected
    text = page(folder)
    assert "<title>How good it is</title>" in text
    for name in ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error"):
        assert f"<td>{scores[name]:.4f}</td>" in text
    saved = json.loads((folder / "scores.json").read_text())
    assert saved["confusion_matrix"] == scores["confusion_matrix"]
    low, high = saved["intervals"]["accuracy"]
    assert [low, high] == saved["accuracy_interval"] == scores["accuracy_interval"]
    assert low < scores["accuracy"] < high
    assert f"<td>{low:.4f} to {high:.4f}</td>" in text
    assert sum(part["texts"] for part in saved["calibration_curve"]) == len(test)
    assert [part["rating"] for part in saved["accuracy_by_rating"]] == sorted(set(test.ratings))


def test_mistakes_are_all_there_the_surest_first(classifier, sample, written):
    folder, _ = written
    _, test = sample
    probabilities = classifier.predict_proba(test.texts)[:, 1]
    places = worst_mistakes(test.labels, probabilities, len(test))
    with (folder / "mistakes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["place"]) for row in rows] == places.tolist()
    assert [row["text"] for row in rows] == [test.texts[place] for place in places]
    assert [float(row["rating"]) for row in rows] == test.ratings[places].tolist()
    said = {True: "positive", False: "negative"}
    assert [row["called"] for row in rows] == [said[probabilities[at] > 0.5] for at in places]
    assert [row["label"] for row in rows] == [said[bool(test.labels[at])] for at in places]
    names = re.findall(
        r"<li><strong>(\w+) called (\w+), [\d.]+% sure; rated \d+; (\S+?)</strong>", page(folder)
    )
    assert [name for *_, name in names] == [test.names[place] for place in places[:SHOWN]]
    assert {(is_, called) for is_, called, _ in names} <= set(itertools.permutations(said.values()))


def test_a_page_needs_nothing_else(written):
    folder, _ = written
    text = page(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html",
        "mistakes.csv",
        "scores.json",
    ]
    pictures = 0
    for tag, attributes in Elements(text).tags:
        assert tag not in ("link", "iframe", "base", "object", "script")
        if tag == "img":
            assert attributes["src"].startswith("data:image/png;base64,")
            assert attributes["alt"]
            pictures += 1
    assert pictures == 4
    assert "://" not in text
    assert "default-src 'none'; img-src data:" in text


def test_no_text_becomes_an_element(classifier, tmp_path):
    texts = [f"{HOSTILE} {word}" for word in ("a joy, lovely, great", "dull, bad, awful")]
    # Both classes are wrong for one of them.
    for labels in ([0, 1], [1, 0]):
        reviews = Reviews(texts, np.array(labels), names=[HOSTILE] * 2)
        classifier.report(reviews, tmp_path, title=HOSTILE)
        tags = {tag for tag, _ in Elements(page(tmp_path)).tags}
        assert "script" not in tags
        assert "b" not in tags


def test_a_mistake_is_one_row_whatever_line_ends_are_in_it(classifier, tmp_path):
    texts = ["a joy\rlovely, great", "dull,\r\nbad\n", "\rawful\r"]
    # Each text is wrong for one of the classes.
    for label in (0, 1):
        folder = tmp_path / str(label)
        labels = np.full(len(texts), label)
        classifier.report(Reviews(texts, labels, names=["a\rb"] * 3), folder, title="")
    rows: list[dict[str, str]] = []
    for path in sorted(tmp_path.glob("*/mistakes.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    assert sorted(row["text"] for row in rows) == sorted(texts)
    assert [row["name"] for row in rows] == ["a\rb"] * 3


def test_names_of_classes_are_no_formulas(tmp_path):
    names = [r"$\foo$", "$x^2$", "from $5"]
    texts = [f"w{number % 3} film" for number in range(30)]
    settings: dict[str, Any] = {"engine": "numpy", "maxlen": 4, "units": 3, "epochs": 1}
    classifier = SentimentClassifier(vectors="train", **settings).fit(texts, names * 10)
    classifier.report(Reviews(texts, np.array(names * 10)), tmp_path, title="")
    assert len(re.findall("<img", page(tmp_path))) == 3
    assert r"called $\foo$" in page(tmp_path)


def test_one_class_only_and_no_ratings(classifier, tmp_path):
    scores = classifier.report(
        Reviews(["A joy.", "Lovely."], np.array([1, 1])), tmp_path, title="One"
    )
    assert scores["roc_auc"] is None
    # In the data of a picture any three letters may stand.
    assert "ROC" not in re.sub(r"data:[^\"]+", "", page(tmp_path))
    assert len(re.findall("<img", page(tmp_path))) == 3


@pytest.fixture(scope="module")
def of_stars(tmp_path_factory):
    """A folder with a report on eleven classes, and what it is of."""
    folder = tmp_path_factory.mktemp("reports") / "stars"
    random = np.random.default_rng(0)
    labels = np.arange(110) % 11
    texts = [" ".join(random.choice([f"w{label}", "film", "the"], 6)) for label in labels]
    settings: dict[str, Any] = {"engine": "numpy", "maxlen": 6, "units": 4, "epochs": 2}
    classifier = SentimentClassifier(vectors="train", **settings).fit(texts, labels)
    reviews = Reviews(texts, labels)
    return folder, classifier, reviews, classifier.report(reviews, folder, title="Stars")


def test_texts_that_are_all_one_to_the_model(classifier, tmp_path):
    texts = ["zzzzq", "qzzzz", "zqzqz"]
    classifier.report(Reviews(texts, np.array([0, 1, 1])), tmp_path / "alike", title="Alike")
    assert "before it decides" not in (tmp_path / "alike" / "index.html").read_text()
    classifier.report(
        Reviews([*texts, "Dull."], np.array([0, 1, 1, 0])), tmp_path / "two", title="Two"
    )
    assert "before it decides" in (tmp_path / "two" / "index.html").read_text()


def test_a_report_of_many_classes(of_stars):
    folder, classifier, reviews, scores = of_stars
    saved = json.loads((folder / "scores.json").read_text())
    text = page(folder)
    assert text.count("<th>called ") == 11
    assert "means over each class against the others" in text
    for name in ("accuracy", "roc_auc", "f1", "log_loss", "calibration_error"):
        assert f"<td>{scores[name]:.4f}</td>" in text
        low, high = saved["intervals"][name]
        assert low < high
    assert "What other thresholds would give" not in text
    assert len(re.findall("<img", text)) == 3
    predictions = classifier.predictions(reviews.texts)
    with (folder / "mistakes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == round((1 - scores["accuracy"]) * 110)
    for row in rows:
        found = predictions[int(row["place"])]
        assert row["called"] == found.label != row["label"]
        assert row["label"] == str(reviews.labels[int(row["place"])])
        assert float(row["probability"]) == pytest.approx(found.probability, abs=1e-6)
    sure = [float(row["probability"]) for row in rows]
    assert sure == sorted(sure, reverse=True)


def test_wrong_use(classifier, sample, tmp_path):
    _, test = sample
    with pytest.raises(DataError, match="A report takes at least one text. Received none."):
        classifier.report(test.select([]), tmp_path / "a", title="")
    with pytest.raises(ModelError, match="not trained yet"):
        SentimentClassifier().report(test, tmp_path / "a", title="")
    classifier.save(tmp_path / "model")
    before = {path.name for path in (tmp_path / "model").iterdir()}
    with pytest.raises(UsageError, match="model is there already and holds something else than a"):
        classifier.report(test.select([0]), tmp_path / "model", title="")
    assert {path.name for path in (tmp_path / "model").iterdir()} == before
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / ".hidden").write_text("")
    classifier.report(test.select([0]), tmp_path / "seen", title="")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="Could not make the folder"):
        classifier.report(test.select([0]), tmp_path / "file" / "a", title="")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("width", [1200, 390, 320])
@pytest.mark.parametrize("report", ["written", "of_stars"])
def test_the_page_fits_every_window(request, report, browser, width):
    folder, *_ = request.getfixturevalue(report)
    browser.open((folder / "index.html").as_uri(), width)
    assert browser.errors == []
    assert browser.run("document.documentElement.scrollWidth") <= width
    code = "Array.from(document.images).every(image => image.complete && image.naturalWidth > 300)"
    assert browser.run(code)
