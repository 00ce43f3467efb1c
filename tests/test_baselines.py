"""Classifiers that count words, held to scikit-learn's own and to arithmetic."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sentiment_rnn import SentimentClassifier
from sentiment_rnn.baselines import METHODS, BaselineClassifier
from sentiment_rnn.cli import main
from sentiment_rnn.errors import DataError, ModelError, ResourceError, UsageError
from sentiment_rnn.persistence.folders import write_checksums
from sentiment_rnn.presets import BASELINES
from tests.conftest import ROOT

every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def fitted(sample):
    train, _ = sample
    return {
        method: BaselineClassifier(method).fit(train.texts, train.labels, groups=train.groups)
        for method in METHODS
    }


def test_tfidf_is_that_of_scikit_learn(fitted, sample):
    train, test = sample
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    regression = LogisticRegression(C=10, max_iter=1000)
    regression.fit(vectorizer.fit_transform(train.texts), train.labels)
    odds = regression.decision_function(vectorizer.transform(test.texts))
    temperature = fitted["tfidf"].provenance_["temperature"]
    probabilities = fitted["tfidf"].predict_proba(test.texts)
    np.testing.assert_allclose(
        probabilities[:, 1], 1 / (1 + np.exp(-odds / temperature)), atol=1e-4
    )
    assert np.ptp(probabilities[:, 1]) > 0.3
    assert fitted["tfidf"].score(test.texts, test.labels) > 0.6


def test_nbsvm_is_what_its_paper_says(fitted, sample):
    train, test = sample
    vectorizer = CountVectorizer(ngram_range=(1, 3), binary=True, min_df=2)
    counts = vectorizer.fit_transform(train.texts).toarray()
    p = 1 + counts[train.labels == 1].sum(axis=0)
    q = 1 + counts[train.labels == 0].sum(axis=0)
    r = np.log((p / p.sum()) / (q / q.sum()))
    machine = LinearSVC(C=0.1, random_state=0).fit(counts * r, train.labels)
    w, beta = machine.coef_[0], 0.25
    mixed = (1 - beta) * np.abs(w).mean() + beta * w
    margins = vectorizer.transform(test.texts).toarray() * r @ mixed + beta * machine.intercept_
    temperature = fitted["nbsvm"].provenance_["temperature"]
    np.testing.assert_allclose(
        fitted["nbsvm"].predict_proba(test.texts)[:, 1],
        1 / (1 + np.exp(-margins / temperature)),
        atol=2e-3,
    )


@every_method
def test_a_folder_says_the_same_in_another_process(fitted, sample, tmp_path, method):
    _, test = sample
    fitted[method].save(tmp_path / "model")
    code = (
        "import sys, json; from sentiment_rnn.baselines import BaselineClassifier as C;"
        "model = C.load(sys.argv[1]); print(json.dumps(model.predict_proba(sys.argv[2:]).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model"), *test.texts[:9]],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = fitted[method].predict_proba(test.texts[:9])
    np.testing.assert_array_equal(json.loads(done.stdout), expected)
    loaded = BaselineClassifier.load(tmp_path / "model")
    assert loaded.get_params() == fitted[method].get_params()
    assert loaded.metrics_ == fitted[method].metrics_
    assert loaded.count_params() == fitted[method].count_params() > 100
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert f"counts words ({method})" in card
    assert not [name for name in os.listdir(tmp_path / "model") if name.endswith(("pkl", "joblib"))]


@every_method
def test_three_classes(method, tmp_path):
    random = np.random.default_rng(0)
    words = {"joy": ["glad", "happy"], "rage": ["angry", "mad"], "fear": ["scared", "afraid"]}
    labels = [list(words)[number % 3] for number in range(60)]
    texts = [" ".join([*random.choice(words[label], 3), "today"]) for label in labels]
    baseline = BaselineClassifier(method).fit(texts, labels)
    probabilities = baseline.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert baseline.score(texts, labels) == 1
    baseline.save(tmp_path / "model")
    loaded = BaselineClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(texts), probabilities)
    assert loaded.predictions(["mad and angry"])[0].label == "rage"


def test_the_command_line_knows_the_methods():
    assert set(BASELINES) == set(METHODS)


def test_it_shows_its_parameters():
    baseline = BaselineClassifier("tfidf", seed=3)
    assert repr(baseline) == "BaselineClassifier(method='tfidf', seed=3, validation_fraction=0.2)"


@every_method
def test_easy_texts_do_not_tell_how_sure_to_be(method):
    texts = [f"{word} {thing}" for word in ("good", "bad") for thing in "abcdefghijklmnopqrst"]
    baseline = BaselineClassifier(method).fit(texts, [1] * 20 + [0] * 20)
    assert baseline.metrics_["validation"]["accuracy"] == 1
    assert baseline.provenance_["temperature"] == 1
    # As sure as what was counted makes it.
    assert 0.5 < baseline.predict_proba(["good"])[0, 1] < 0.9999
    with pytest.raises(DataError, match="at least one text. Received none"):
        baseline.evaluate([], [])
    with pytest.raises(DataError, match="at least one text. Received none"):
        baseline.score([], [])


@pytest.mark.parametrize(
    "option", [["--maxlen", "0"], ["--no-masking"], ["--dropout", "0"], ["--vectors", "imdb"]]
)
def test_no_option_of_a_network_is_ignored(option, tmp_path, capsys):
    train = ["train", "--preset", "nbsvm", "--out", str(tmp_path / "model")]
    assert main([*train, *option]) == 2
    name = option[0].replace("--no-", "--")
    assert f"nbsvm is no network: it has no {name}." in capsys.readouterr().err


def test_it_has_no_vectors(fitted, tmp_path, capsys):
    fitted["nbsvm"].save(tmp_path / "model")
    command = ["predict", "--model", str(tmp_path / "model"), "--vectors", "imdb", "Dull."]
    assert main(command) == 2
    assert "has no word vectors: leave --vectors out" in capsys.readouterr().err


def test_it_is_an_estimator(sample):
    train, _ = sample
    baseline = BaselineClassifier("tfidf", seed=4)
    assert clone(baseline).get_params() == baseline.get_params()
    before = list(train.texts)
    baseline.fit(train.texts, train.labels)
    assert train.texts == before
    assert baseline.evaluate(train.texts, train.labels)["accuracy"] > 0.9
    with pytest.raises(UsageError, match="no parameter 'units'"):
        baseline.set_params(units=3)


def test_errors(sample, tmp_path):
    with pytest.raises(UsageError, match="Unknown method 'svm'. Expected one of: tfidf, nbsvm"):
        BaselineClassifier("svm").fit(["a", "b"], [0, 1])
    with pytest.raises(DataError, match="share words with each other. Of 16 none do"):
        BaselineClassifier().fit([f"w{n}a w{n}b" for n in range(20)], [0, 1] * 10)
    with pytest.raises(ModelError, match="This BaselineClassifier is not trained yet"):
        BaselineClassifier().predict(["a"])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.md").write_text("")
    train, _ = sample
    baseline = BaselineClassifier("tfidf").fit(train.texts, train.labels)
    with pytest.raises(ResourceError, match="is no model folder: it is not overwritten"):
        baseline.save(tmp_path / "notes")
    with pytest.raises(ModelError, match="There is none at"):
        BaselineClassifier.load(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="checksums.json is missing"):
        BaselineClassifier.load(tmp_path / "notes")
    baseline.save(tmp_path / "model")
    with pytest.raises(
        ModelError, match="counts words, and no network.*\\n.*BaselineClassifier.load"
    ):
        SentimentClassifier.load(tmp_path / "model")
    with pytest.raises(ModelError):
        BaselineClassifier.load(ROOT / "models" / "textbook")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "pickle"}, "a method among tfidf, nbsvm. Received: 1 and 'pickle'"),
        ({"format": 2}, "expected format 1"),
        ({"classes": [0]}, "at least two labels, each once"),
        ({"classes": [0, 1, 2]}, "an offset of 3 numbers"),
        ({"offset": ["x"]}, "an offset of 1 numbers"),
        ({"offset": [10**400]}, "an offset of 1 numbers"),
        ({"classes": [0, 1, 2], "offset": [0, 0, 0]}, "expected 4 numbers of each n-gram"),
        ({"provenance": 3}, "provenance"),
    ],
)
def test_a_folder_that_does_not_add_up(fitted, tmp_path, change, message):
    folder = tmp_path / "model"
    fitted["tfidf"].save(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="config.json is not as it was saved"):
        BaselineClassifier.load(folder)
    (folder / "checksums.json").unlink()
    write_checksums(folder)
    with pytest.raises(ModelError, match=message):
        BaselineClassifier.load(folder)
