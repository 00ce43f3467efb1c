"""The script that makes the default model."""

import re
import shutil

import numpy as np
import pytest

from scripts import distill, made_up
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.baselines import BaselineClassifier
from sentiment_rnn.datasets import load_data
from sentiment_rnn.errors import DataError, UsageError
from sentiment_rnn.training.config import PretrainingConfig
from tests.conftest import ROOT


def test_passages_are_sentences_of_their_texts():
    texts = ["One. Two!<br /><br />Three? Four", "", "A film.  <br />", "No end"] * 50
    found = distill.passages(texts, seed=0)
    assert found == distill.passages(texts, seed=0) != distill.passages(texts, seed=1)
    assert len(found) == 150
    sentences = ["One.", "Two!", "Three?", "Four"]
    possible = {" ".join(sentences[a:b]) for a in range(4) for b in range(a + 1, min(a + 4, 5))}
    assert set(found[::3]) == possible
    assert set(found[1::3]) | set(found[2::3]) == {"A film.", "No end"}


def test_the_better_teacher_counts_for_more():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 4000)
    # Log odds that are right by themselves, and others that say nothing, or twice too much.
    right = np.where(labels, 1, -1) * 2 + random.normal(0, 2, 4000)
    [alone] = distill.mix([right], labels)
    assert abs(alone - 1) < 0.1
    [good, useless] = distill.mix([right * 2, random.normal(0, 2, 4000)], labels)
    assert abs(good - 0.5) < 0.05
    assert abs(useless) < 0.05


@pytest.mark.parametrize("given", ["units", "unit=3", "=3"])
def test_what_is_no_setting_of_a_student(given):
    with pytest.raises(UsageError, match=f"Expected --set NAME=VALUE .* Received: {given}"):
        distill.parse_change(given)


def test_settings_of_a_student_are_checked_before_its_teachers_learn(tmp_path):
    with pytest.raises(UsageError, match="units must be a whole number from 1"):
        distill.distill("nowhere", tmp_path / "out", tmp_path, changes={"units": 0})


def test_a_student_is_made_and_saved(tmp_path, monkeypatch, capsys):
    data = tmp_path / "data"
    shutil.copytree(ROOT / "data" / "sample" / "aclImdb", data / "aclImdb")
    unlabelled = data / "aclImdb" / "train" / "unsup"
    unlabelled.mkdir()
    for number, path in enumerate(sorted((data / "aclImdb" / "test").glob("*/*.txt"))):
        shutil.copy(path, unlabelled / f"{number}_0.txt")
    monkeypatch.setenv("SENTIMENT_RNN_CACHE", str(tmp_path / "cache"))
    made = []

    def small(*arguments, **options):
        made.append(options)
        return SentimentClassifier(*arguments, **{**options, "units": 3, "epochs": 1})

    small.load = SentimentClassifier.load  # type: ignore[attr-defined]
    monkeypatch.setattr(distill, "SentimentClassifier", small)
    monkeypatch.setattr(distill, "MADE_UP", 20)
    monkeypatch.setattr(made_up, "_FEWEST", 1)
    counted = []
    fit = BaselineClassifier.fit

    def noted_fit(self, *arguments, **options):
        counted.append(self)
        return fit(self, *arguments, **options)

    monkeypatch.setattr(BaselineClassifier, "fit", noted_fit)
    for name in ("first", "second"):
        distill.distill(str(data), tmp_path / name, tmp_path / "work")
    # The teacher is trained once, and asked once: it and NB-SVM, of what is held out and the rest.
    assert len(made) == 3
    assert len(list((tmp_path / "work").glob("said-*.npy"))) == 4
    assert len(counted) == 1
    first, second = (SentimentClassifier.load(tmp_path / name) for name in ("first", "second"))
    assert first.provenance_["trained_on"]["taught"] == 2 * len(list(unlabelled.iterdir())) + 20
    assert first.history_ == second.history_
    assert "test" in first.metrics_
    card = (tmp_path / "first" / "README.md").read_text()
    assert "GRU(3) → Dropout(0.2) → MaskedPooling1D(mean_max) → Dense(1)" in card
    assert "```sh\npython -m scripts.distill --out first\n```" in card
    assert "once it has imported `sentiment_rnn.architectures.pooling`" in card

    # One that goes on ends halfway to where it would have ended, if that is no worse.
    ended: list[list[np.ndarray]] = []
    average = distill.average

    def noted(student, begun, validated):
        ended.append([array.copy() for array in student._weights])
        for halfway, weights in ((0.7, ended[0]), (0.8, [])):
            scores = iter([0.8, halfway])
            with monkeypatch.context() as patched:
                patched.setattr(SentimentClassifier, "score", lambda *_, s=scores: next(s))
                average(student, begun, validated)
            for array, expected in zip(student._weights, weights, strict=bool(weights)):
                np.testing.assert_array_equal(array, expected)
        ended.append([array.copy() for array in student._weights])

    with monkeypatch.context() as patched:
        patched.setattr(distill, "average", noted)
        patched.setattr(SentimentClassifier, "calibrate", lambda self, *_: self)
        distill.distill(
            str(data), tmp_path / "further", tmp_path / "work", begin_with=tmp_path / "first"
        )
    further = SentimentClassifier.load(tmp_path / "further")
    for one, other, mean, saved in zip(
        ended[0], first._weights, *ended[1:], further._weights, strict=True
    ):
        np.testing.assert_allclose(mean, (one + other) / 2)
        np.testing.assert_array_equal(saved, mean)
    assert any(
        np.abs(one - other).max() > 1e-4
        for one, other in zip(ended[0], first._weights, strict=True)
    )
    made_by = "python -m scripts.distill --begin-with first --out further"
    assert further.provenance_["made_by"] == made_by

    # One that was pretrained has learned no class yet: there is nothing to end halfway to.
    begun = SentimentClassifier("pretrained", units=3)
    begun.pretrain(["one film and another"] * 4, PretrainingConfig(epochs=1, candidates=3))
    begun.save(tmp_path / "begun")
    with monkeypatch.context() as patched:
        patched.setattr(distill, "average", lambda *_: pytest.fail("halfway to what?"))
        distill.distill(
            str(data),
            tmp_path / "large",
            tmp_path / "work",
            begin_with=tmp_path / "begun",
            preset="pretrained",
            changes={"adversarial": 0, "engine": "keras"},
        )
    large = SentimentClassifier.load(tmp_path / "large")
    made_by = (
        "python -m scripts.distill --begin-with begun --preset pretrained --set adversarial=0 "
        "--set engine=keras --out large"
    )
    assert large.provenance_["made_by"] == made_by
    assert large.get_params()["engine"] == "keras"
    assert large.get_params()["adversarial"] == 0
    card = (tmp_path / "large" / "README.md").read_text()
    assert "LSTM(3) → Dropout(0.2) → MaskedPooling1D(mean_max) → Dense(1)" in card

    # Together they are weighted by the reviews held out, and asked of the test.
    distill.ask_together(str(data), [tmp_path / "first", tmp_path / "work" / "recommended"])
    printed = capsys.readouterr().out
    assert (
        re.findall(r"^[\w-]+", printed, re.MULTILINE)
        == [
            *("first", "recommended", "NB-SVM", "together"),
        ]
        * 2
    )
    measured = f"{first.metrics_['test']['accuracy']:.4f}"
    assert re.search(rf"^first +{measured} ", printed.split("\n\n")[1], re.MULTILINE)

    # One that the reviews held out don't tell how sure to be is saved as it is.
    with monkeypatch.context() as patched:
        patched.setattr(SentimentClassifier, "calibrate", refuse)
        distill.distill(str(data), tmp_path / "unsure", tmp_path / "work")
    assert "left as sure as it is: they don't tell" in capsys.readouterr().err
    unsure = SentimentClassifier.load(tmp_path / "unsure")
    assert "temperature" not in unsure.provenance_
    assert unsure.history_ == first.history_

    # A student teaches the next in the place of `recommended`; a model that has seen what is held
    # out doesn't.
    distill.distill(str(data), tmp_path / "third", tmp_path / "fresh", [tmp_path / "first"])
    assert not (tmp_path / "fresh" / "recommended").exists()
    third = SentimentClassifier.load(tmp_path / "third")
    assert third.provenance_["made_by"] == "python -m scripts.distill --teacher first --out third"
    assert third.history_ != first.history_
    with pytest.raises(UsageError, match="textbook may have learned from the films"):
        distill.distill(
            str(data), tmp_path / "fourth", tmp_path / "work", [ROOT / "models" / "textbook"]
        )
    assert not (tmp_path / "fourth").exists()


def refuse(*_):
    raise DataError("they don't tell")


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    missing = str(tmp_path / "missing")
    monkeypatch.setattr("sys.argv", ["distill", "--out", missing, "--begin-with", missing])
    with pytest.raises(SystemExit) as ended:
        distill.main()
    assert ended.value.code == 4
    assert re.fullmatch(r"error: .*missing.*\n", capsys.readouterr().err)


@pytest.fixture
def train():
    return load_data("sample")[0]


def trained(train, **options):
    settings = {"units": 2, "epochs": 1, "batch_size": 64, "engine": "numpy", **options}
    classifier = SentimentClassifier(
        "recommended", seed=distill.SEED, validation_fraction=distill.VALIDATION, **settings
    )
    return classifier.fit(train.texts, train.labels, groups=train.groups)


def test_other_layers_have_no_mean(train):
    begun, held_out = trained(train, bidirectional=True), train.limit(20, seed=0)
    for options in ({"bidirectional": False}, {"head": "mean"}):
        student = trained(train, **options)
        before = [array.copy() for array in student._weights]
        distill.average(student, begun, held_out)
        for one, other in zip(student._weights, before, strict=True):
            np.testing.assert_array_equal(one, other)


def test_vectors_that_were_trained_have_a_mean_too(train, monkeypatch):
    monkeypatch.setattr(SentimentClassifier, "score", lambda *_: 1.0)
    begun, student = (trained(train, trainable_vectors=True, epochs=number) for number in (1, 2))
    both = [model.word_vectors.matrix() for model in (begun, student)]
    assert np.abs(both[0] - both[1]).max() > 1e-4
    distill.average(student, begun, train)
    np.testing.assert_allclose(student.word_vectors.matrix(), np.mean(both, axis=0), atol=1e-7)


def test_a_teacher_that_learned_what_is_held_out_is_refused(train, tmp_path):
    trained(train).save(tmp_path / "same")
    # As many texts validate it, of other reviews.
    trained(train.limit(len(train) - 1, seed=0)).save(tmp_path / "other")
    SentimentClassifier("pretrained", units=2).pretrain(
        train.texts[:20], PretrainingConfig(epochs=1, candidates=3)
    ).save(tmp_path / "pretrained")
    assert distill.Teachers([tmp_path / "same"], train).names == ["same", "NB-SVM"]
    for name in ("other", "pretrained"):
        with pytest.raises(UsageError, match=f"{name} may have learned from the films"):
            distill.Teachers([tmp_path / name], train)
