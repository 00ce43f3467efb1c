"""The models that come with the package, on plain sentences and on the real reviews."""

import csv
import json
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from sentiment_rnn import CharLanguageModel, SentimentClassifier
from sentiment_rnn.datasets import load_text
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.inspection import rank_by_label
from tests.conftest import ROOT

NEGATIVE = [
    "This film is a waste of time.",
    "The acting was terrible.",
    "I was bored from beginning to end.",
    "A dull and predictable story.",
    "Do not watch this movie.",
    "The worst film I have seen this year.",
    "The plot makes no sense at all.",
    "I regret buying a ticket.",
    "Ugly, slow and far too long.",
    "Nobody should have to sit through this.",
]
POSITIVE = [
    "This film is a joy to watch.",
    "The acting was superb.",
    "I smiled from beginning to end.",
    "A clever and moving story.",
    "Go and watch this movie.",
    "The best film I have seen this year.",
    "The plot is gripping and well told.",
    "I am glad that I bought a ticket.",
    "Beautiful, funny and over too soon.",
    "Everybody should see this.",
]
WEATHER = (
    "This dismal grey weather has been getting me down for weeks and there is no end in sight. "
    "Ugh, will I ever be happy again? Even when the sun comes out it only blinds me. I can't wait "
    "for the weekend."
)


MODELS = ("distilled", "large", "largest", "textbook")


@pytest.fixture(scope="module", params=MODELS)
def shipped_model(request):
    return SentimentClassifier.load(request.param)


@pytest.fixture(scope="module")
def default_model():
    return SentimentClassifier.load()


@pytest.fixture(scope="module")
def textbook():
    return SentimentClassifier.load("textbook")


def test_the_vocabulary(shipped_model):
    vectors = shipped_model.word_vectors
    assert (len(vectors), vectors.vector_size) == (30_000, 300)
    assert shipped_model.provenance_["trained_on"]["texts"] == 25_000


def test_one_is_the_textbook_network(textbook):
    assert textbook.count_params() == 37_551


def test_the_other_is_small_accurate_and_calibrated(default_model):
    assert default_model.count_params() == 70_401
    assert default_model.provenance_["trained_on"]["validated_by"] == "film"
    test = default_model.metrics_["test"]
    # The mark is 0.925.
    assert test["accuracy"] >= 0.925
    assert test["calibration_error"] < 0.02
    folder = ROOT / "models" / "distilled"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20e6


def test_the_larger_the_more_accurate(default_model):
    models = [default_model, *(SentimentClassifier.load(name) for name in ("large", "largest"))]
    for model in models:
        assert model.provenance_["trained_on"]["validated_by"] == "film"
    # The last mark is 0.941.
    assert models[1].metrics_["test"]["accuracy"] >= 0.936
    assert models[2].metrics_["test"]["accuracy"] >= 0.941
    for smaller, larger in pairwise(models):
        for part in ("validation", "test"):
            found, others = larger.metrics_[part], smaller.metrics_[part]
            assert found["accuracy"] > others["accuracy"]
            assert found["log_loss"] < others["log_loss"]


def test_a_name_is_a_folder_first(tmp_path, monkeypatch, saved):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(saved, "textbook")
    assert SentimentClassifier.load("textbook").count_params() != 37_551
    with pytest.raises(ModelError, match="There is none at other"):
        SentimentClassifier.load("other/textbook")


def test_a_complaint_that_ends_with_hope_is_negative(shipped_model):
    assert shipped_model.predict([WEATHER]).tolist() == [0]


def test_plain_sentences(textbook):
    """Sentences of this length are hard for the network; its order of them is nearly right."""
    probabilities = textbook.predict_proba(NEGATIVE + POSITIVE)[:, 1]
    right = np.sum(probabilities[:10] < 0.5) + np.sum(probabilities[10:] > 0.5)
    assert right >= 14
    assert np.mean(probabilities[:10, None] < probabilities[None, 10:]) > 0.9


@pytest.mark.parametrize("name", ["distilled", "large", "largest"])
def test_short_sentences(name):
    """A third with a negation, a third of other things than films; nothing was trained on them."""
    with (ROOT / "tests" / "short_sentences.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    for kind in ("film", "negation", "other"):
        for label in ("positive", "negative"):
            assert sum((row["kind"], row["label"]) == (kind, label) for row in rows) == 20
    found = SentimentClassifier.load(name).predictions([row["text"] for row in rows])
    right = [one.label == row["label"] for one, row in zip(found, rows, strict=True)]
    assert np.mean(right) >= 0.90


def test_models_fit_into_the_repository():
    files = [path for path in (ROOT / "models").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 78e6
    for folder in (ROOT / "models").iterdir():
        if folder.is_dir():
            text = (folder / "README.md").read_text(encoding="utf-8")
            assert "sentiment-rnn " in text or "python -m scripts." in text
            assert text.startswith(f"# {folder.name}\n")


@pytest.fixture(scope="module")
def real_test_reviews(imdb):
    return imdb[1].limit(1000, seed=0)


def test_accuracy_on_real_reviews(shipped_model, real_test_reviews):
    """A thousand reviews lie within 0.04 of what the whole test part gives, 250 within 0.06."""
    slow = shipped_model.count_params() > 1e6
    reviews = real_test_reviews.limit(250, seed=0) if slow else real_test_reviews
    accuracy = shipped_model.score(reviews.texts, reviews.labels)
    assert abs(accuracy - shipped_model.metrics_["test"]["accuracy"]) < (0.06 if slow else 0.04)


def test_a_cell_that_saw_no_label_tells_the_class(real_test_reviews):
    """What knows which word comes next knows whether the reviewer is pleased."""
    model = SentimentClassifier.load("pretrained")
    assert set(model.predict_proba(NEGATIVE + POSITIVE).ravel().tolist()) == {0.5}
    assert "labels" not in model.provenance_["pretrained_on"]
    means = model.mean_states(real_test_reviews.texts)
    best = rank_by_label(means, real_test_reviews.labels)[0]
    assert (best.cell, best.sign) == (139, 1)
    assert best.auc is not None
    assert best.auc > 0.92


def test_training_begins_with_the_pretrained_model():
    texts, labels = NEGATIVE + POSITIVE, [0] * 10 + [1] * 10
    model = SentimentClassifier("pretrained", epochs=1, learning_rate=1e-9, word_dropout=0.0)
    model.fit(texts, labels)
    begun = SentimentClassifier.load("pretrained")
    for one, other in zip(model._weights[:3], begun._weights[:3], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert model.provenance_["pretrained"] == "pretrained"
    with pytest.raises(
        UsageError, match=r"other recurrent layers.*Expected: LSTM forward kernel \(300, 32"
    ):
        SentimentClassifier("pretrained", units=8).settings(to_fit=True)
    # To be pretrained itself, say.
    assert SentimentClassifier("pretrained", units=8).settings().architecture.units == 8


# The one layer that isn't Keras's own is known once its module is imported.
POOLING = "sentiment_rnn.architectures.pooling"
NEEDED = {"distilled": POOLING, "large": POOLING, "largest": POOLING, "textbook": "os"}


@pytest.mark.parametrize("name", MODELS)
def test_plain_keras_agrees_on_real_reviews(name, real_test_reviews, tmp_path):
    model = SentimentClassifier.load(name)
    texts = real_test_reviews.texts[: 16 if model.count_params() > 1e6 else 200]
    np.save(tmp_path / "vectors.npy", model.preprocessor.vectors(texts))
    code = f"""
import sys, keras, numpy as np, {NEEDED[name]}
model = keras.models.model_from_json(open(sys.argv[1] + "/model.json").read())
model.load_weights(sys.argv[1] + "/model.weights.h5")
output = model.predict(np.load(sys.argv[2] + "/vectors.npy"), verbose=0)
np.save(sys.argv[2] + "/output.npy", output)
assert {name != "textbook"} == ("sentiment_rnn" in sys.modules)
"""
    command = [sys.executable, "-c", code, ROOT / "models" / name, tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    expected = np.load(tmp_path / "output.npy")[:, 0]
    np.testing.assert_allclose(model.predict_proba(texts)[:, 1], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_on_the_archive(real_data, tmp_path, seed):
    """The textbook's accuracy within its 2 epochs, in less than 2 GB."""
    code = """
import sys
from sentiment_rnn.cli import main
main(sys.argv[1:])
# Not ru_maxrss, which begins with what the process that started this one had.
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""
    archive = real_data / "aclImdb_v1.tar.gz"
    arguments = ["train", "--data", archive, "--out", tmp_path / "model", "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    megabytes = int(done.stdout.splitlines()[-1]) / 1024
    print(f"validation {metrics['validation']['accuracy']}, test {metrics['test']['accuracy']}")
    assert megabytes < 2000
    # Single seeds lie apart: the threshold of the network moves from batch to batch.
    assert metrics["validation"]["roc_auc"] > 0.88
    assert metrics["validation"]["accuracy"] > 0.75


# The model that writes


@pytest.fixture(scope="module")
def shakespeare():
    model = CharLanguageModel.load()
    named = CharLanguageModel.load("shakespeare")
    assert named.sample(20, seed=0) == model.sample(20, seed=0)
    return model


def test_it_writes_words_and_speakers(shakespeare):
    text = shakespeare.sample(2000, prime="ROMEO:\n", temperature=0.5, seed=0)
    words = set(text.lower().split())
    assert len(words & {"the", "and", "to", "of", "my", "i", "you", "is", "that", "not"}) > 6
    assert any(line.endswith(":") and line[0].isupper() for line in text.splitlines())


def test_it_is_as_good_as_its_card_says(shakespeare, real_data):
    text = load_text(real_data / "tinyshakespeare.txt")
    validation = shakespeare.provenance_["validation"]
    assert validation == round(len(text) * 0.1)
    bits = shakespeare.bits_per_character(text[-validation:])
    assert bits == pytest.approx(shakespeare.metrics_["bits_per_character"]["validation"], abs=1e-4)
    # The mark: 1.60 nats.
    assert bits < 2.31
