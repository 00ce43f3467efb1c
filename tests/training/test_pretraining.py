import re
import shutil

import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier
from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.cli import main
from sentiment_rnn.errors import DataError, ModelError, UsageError
from sentiment_rnn.numpy_rnn import initial_weights
from sentiment_rnn.preprocessing import WordVectors
from sentiment_rnn.training import pretraining
from sentiment_rnn.training.config import PretrainingConfig
from sentiment_rnn.training.pretraining import PretrainingTask, pretrain
from tests.conftest import ROOT

WORDS = 12
RANDOM = np.random.default_rng(0)
NETWORK = {"cell": "lstm", "head": "mean_max", "masking": True, "units": 6, "dropout": 0.1}


def language(texts, lengths=(11,)):
    """Each word follows from the one before: 1 → 2 → … → 12 → 1.

    Texts of another length, and fewer of them, are traced anew, which takes seconds.
    """
    random = np.random.default_rng(1)
    return [
        ((random.integers(WORDS) + np.arange(random.choice(lengths))) % WORDS + 1).astype(np.int32)
        for _ in range(texts)
    ]


def task(encoded=None, network=None, **config):
    settings = {"epochs": 2, "batch_size": 8, "candidates": 40, "learning_rate": 0.02}
    spec = sentiment_network(
        ArchitectureConfig(**{**NETWORK, **(network or {})}), maxlen=20, vector_size=5
    )
    vectors = np.random.default_rng(2).standard_normal((WORDS + 1, 5)).astype(np.float32)
    vectors[0] = 0
    weights = initial_weights(spec, np.random.default_rng(3), np.float32)
    return PretrainingTask(
        spec,
        weights,
        vectors,
        language(57) if encoded is None else encoded,
        PretrainingConfig(**{**settings, **config}),
        seed=4,
    )


@pytest.mark.parametrize(
    "network",
    [pytest.param({"layers": 2, "cell": "gru"}, marks=pytest.mark.slow), {"bidirectional": True}],
)
def test_it_learns_what_follows_from_what(network):
    job = task(language(60, range(5, 20)), network, epochs=15, learning_rate=0.03)
    before = [array.copy() for array in job.weights], job.vectors.copy()
    done = pretrain(job)
    losses = done.history["val_loss"]
    # By chance it is log(12) = 2.5. At the end of a text nothing follows.
    assert losses[0] > 1
    assert losses[-1] < 0.3
    assert len(done.history["loss"]) == 15
    last = max(n for n, one in enumerate(job.network.layers) if one.cell.is_recurrent)
    for weight, array, begun in zip(job.network.weights(), done.weights, job.weights, strict=True):
        assert np.array_equal(array, begun) == (weight.layer > last)
    assert not done.vectors[0].any()
    assert np.abs(done.vectors - job.vectors).max() > 0.01
    for array, begun in zip([*job.weights, job.vectors], [*before[0], before[1]], strict=True):
        np.testing.assert_array_equal(array, begun)


def test_each_direction_sees_its_own_past_only():
    """Where the words to come don't follow, neither half of the network can know them."""
    random = np.random.default_rng(5)
    noise = [random.integers(1, WORDS + 1, 15).astype(np.int32) for _ in range(60)]
    done = pretrain(task(noise, {"bidirectional": True}, epochs=5, held_out=0.3))
    assert min(done.history["val_loss"]) > 0.9 * np.log(WORDS)


@pytest.mark.parametrize("engine", ["numpy", "keras"])
def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch, engine):
    whole = pretrain(task(epochs=3, engine=engine))
    path = tmp_path / "checkpoint.npz"
    steps = []

    def stop(self, loss):
        end_step(self, loss)
        steps.append(loss)
        if len(steps) == 10:
            raise KeyboardInterrupt

    end_step = pretraining._Run.end_step
    monkeypatch.setattr(pretraining._Run, "end_step", stop)
    with pytest.raises(KeyboardInterrupt):
        pretrain(task(epochs=3, engine=engine), checkpoint=path)
    monkeypatch.setattr(pretraining._Run, "end_step", end_step)
    continued = pretrain(task(epochs=3, engine=engine), checkpoint=path)
    assert continued.history == whole.history
    for one, other in zip(continued.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(continued.vectors, whole.vectors)
    for name, value in (("candidates", 41), ("epochs", 4)):
        # The rate falls to 0 by the last of the epochs.
        with pytest.raises(ModelError, match=f"of other settings. Expected {name} .*{value}$"):
            pretrain(task(**{"epochs": 3, "engine": engine, name: value}), checkpoint=path)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"layers": 2, "bidirectional": True}, "one above the other"),
        ({"go_backwards": True, "head": "last"}, "take bidirectional"),
        ({"head": "last"}, "take the head mean_max"),
        ({"stateful": True, "window": 5}, "whole texts are read here"),
        ({"masking": False}, "padding must be skipped"),
    ],
)
def test_networks_that_can_not_learn_it(network, message):
    with pytest.raises(UsageError, match=message):
        pretrain(task(network=network))


@pytest.fixture(scope="module")
def vectors():
    words = [f"w{number}" for number in range(WORDS)]
    return WordVectors(words, np.random.default_rng(2).standard_normal((WORDS, 5)))


@pytest.fixture(scope="module")
def begun(vectors):
    texts = [" ".join(f"w{place - 1}" for place in ids) for ids in language(40)]
    classifier = SentimentClassifier("recommended", vectors=vectors, units=4, seed=1)
    return classifier.pretrain(texts, PretrainingConfig(epochs=2, batch_size=8, candidates=20))


@pytest.mark.parametrize("engine", ["numpy", "keras"])
def test_training_begins_with_what_was_pretrained(begun, tmp_path, engine):
    assert begun.predict_proba(["w1 w2", "w3"]).tolist() == [[0.5, 0.5]] * 2
    begun.save(tmp_path / "begun")
    card = (tmp_path / "begun" / "README.md").read_text()
    assert (
        "sentiment-rnn train --data DATA --preset recommended --pretrained begun --units 4\n"
        in card
    )
    assert "predict" not in card
    assert "Trained from Python, with word vectors given in memory." in card
    assert "sentiment-rnn pretrain" not in card
    after = SentimentClassifier(
        "recommended", pretrained=tmp_path / "begun", units=4, learning_rate=1e-9, engine=engine
    )
    after.set_params(epochs=1, word_dropout=0.0).fit(["w1 w2 w3", "w4 w5"] * 10, [0, 1] * 10)
    assert after.word_vectors.words == begun.word_vectors.words
    np.testing.assert_array_equal(after.word_vectors.matrix(), begun.word_vectors.matrix())
    for one, other in zip(after._weights[:6], begun._weights[:6], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert after._weights[6].any()
    after.save(tmp_path / "after")
    card = (tmp_path / "after" / "README.md").read_text()
    assert "sentiment-rnn train --data DATA --preset recommended --pretrained begun --seed" in card


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_layer_begins_with_the_half_that_reads_as_it_does(begun, tmp_path, direction):
    begun.save(tmp_path / "begun")
    one_way = SentimentClassifier(
        "recommended", pretrained=tmp_path / "begun", units=4, bidirectional=False
    )
    one_way.set_params(learning_rate=1e-9, epochs=1, word_dropout=0.0)
    if direction == "backward":
        one_way.set_params(go_backwards=True, head="last")
    one_way.fit(["w1 w2 w3", "w4 w5"] * 10, [0, 1] * 10)
    half = begun._weights[:3] if direction == "forward" else begun._weights[3:6]
    for one, other in zip(one_way._weights[:3], half, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    one_way.save(tmp_path / "one_way")
    both = SentimentClassifier("recommended", pretrained=tmp_path / "one_way", units=4)
    expected = rf"Expected: LSTM forward .*Received: LSTM {direction} kernel \(5, 16\)$"
    with pytest.raises(UsageError, match=expected):
        both.fit(["w1", "w2"] * 5, [0, 1] * 5)


def test_what_reads_backwards_does_not_begin_with_what_read_forwards(begun, tmp_path):
    forwards = SentimentClassifier(
        "recommended", vectors=begun.word_vectors, units=4, bidirectional=False
    )
    forwards.pretrain(["w1 w2 w3", "w4 w5"] * 10, PretrainingConfig(epochs=1, candidates=5))
    forwards.save(tmp_path / "forwards")
    backwards = SentimentClassifier(
        "recommended",
        pretrained=tmp_path / "forwards",
        units=4,
        bidirectional=False,
        go_backwards=True,
        head="last",
    )
    with pytest.raises(UsageError, match=r"Expected: LSTM backward.*Received: LSTM forward"):
        backwards.fit(["w1", "w2"] * 5, [0, 1] * 5)


def test_other_layers_than_those_pretrained_are_refused(begun, tmp_path):
    begun.save(tmp_path / "begun")
    other = SentimentClassifier("recommended", pretrained=tmp_path / "begun", units=5)
    with pytest.raises(UsageError, match=r"Expected: LSTM forward kernel \(5, 20\), .*\(5, 16\)"):
        other.fit(["w1", "w2"] * 5, [0, 1] * 5)


def test_what_is_given_beside_a_pretrained_model_is_not_passed_over(begun, tmp_path, vectors):
    begun.save(tmp_path / "begun")
    other = WordVectors(["w1", "w2"], np.ones((2, 5)))
    for options, message in (
        ({"vectors": "no_such_file.bin"}, "has word vectors of its own: leave vectors out"),
        ({"vectors": other}, "has word vectors of its own: leave vectors out"),
        ({"vector_length": 7.0}, r"no vector_length, or [\d.]+\. Received: 7\.0$"),
    ):
        classifier = SentimentClassifier(
            "recommended", pretrained=tmp_path / "begun", units=4, **options
        )
        with pytest.raises(UsageError, match=message):
            classifier.fit(["w1", "w2"] * 5, [0, 1] * 5)
    same = SentimentClassifier(
        "recommended", pretrained=tmp_path / "begun", units=4, vectors=vectors, epochs=1
    )
    same.fit(["w1 w2", "w2"] * 20, [0, 1] * 20)
    assert same.provenance_["vectors"] == begun.provenance_["vectors"]


def test_training_does_not_go_on_where_no_class_was_learned(begun, tmp_path):
    begun.save(tmp_path / "begun")
    loaded = SentimentClassifier.load(tmp_path / "begun").set_params(warm_start=True)
    with pytest.raises(UsageError, match="no class that training could go on with.*pretrained"):
        loaded.fit(["w1", "w2"] * 5, [0, 1] * 5)


@pytest.mark.parametrize(
    ("texts", "held_out", "message"),
    [
        (["w1 w2", "w3"], 0.5, None),
        (["w1 w2", "w3 w4"], 0.99, ""),
        (["w1"] * 9, 0.1, "Received 8 that are learned from, none of them with two words"),
        (["w1 w2", "w3 w4", "unknown"] * 9, 0.3, ""),
    ],
)
def test_few_texts(vectors, texts, held_out, message):
    classifier = SentimentClassifier("recommended", vectors=vectors, units=4)
    config = PretrainingConfig(epochs=1, candidates=5, held_out=held_out)
    if message == "":
        assert classifier.pretrain(texts, config).provenance_["perplexity"] > 1
    else:
        with pytest.raises(DataError, match=message or "none of them with two words"):
            classifier.pretrain(texts, config)


def test_one_text_is_too_little():
    with pytest.raises(DataError, match="at least two texts. Received: 1"):
        SentimentClassifier("recommended").pretrain(["one"])


def test_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small = ["--units", "3", "--maxlen", "20", "--epochs", "1"]
    shutil.copytree(ROOT / "data" / "sample" / "aclImdb", tmp_path / "data" / "aclImdb")
    unlabelled = tmp_path / "data" / "aclImdb" / "train" / "unsup"
    unlabelled.mkdir()
    (unlabelled / "0_0.txt").write_text("Nobody says whether this film is good.")
    data = str(tmp_path / "data")
    learn = ["pretrain", "--data", data, "--out", "begun", "--candidates", "50", *small]
    assert main([*learn, "--unsupervised"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("perplexity of the texts held out: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "data"]
    card = (tmp_path / "begun" / "README.md").read_text()
    made = "sentiment-rnn pretrain --data DATA --unsupervised --preset pretrained --vectors imdb"
    [command] = re.findall(rf"^{made} --seed 0 .*", card, re.MULTILINE)
    assert "--epochs 1" in command
    assert "--candidates 50" in command
    assert command.endswith(" --out begun")
    assert main(["train", "--preset", "pretrained", "--pretrained", "begun", *small]) == 0
    capsys.readouterr()
    for options in (["A film."], ["--explain", "A film."]):
        assert main(["predict", "--model", "begun", *options]) == 0
        captured = capsys.readouterr()
        assert captured.out.startswith("negative\t0.5000")
        assert captured.err.startswith(
            "begun has learned which word comes next, and knows of no class"
        )
    assert main(learn) == 2
    assert main([*learn[:4], "other", "--resume"]) == 2
    assert main([*learn[:4], "other", "--candidates", "0"]) == 2
    assert main(["train", "--pretrained", "begun", "--vectors", "imdb", "--out", "x"]) == 2
    errors = capsys.readouterr().err
    for said in (
        "begun is there already.",
        "There is nothing to resume: other.checkpoint is missing.",
        "candidates must be a whole number from 1",
        "A pretrained model has word vectors of its own: leave --vectors out.",
    ):
        assert said in errors
