import json
import random
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from sentiment_rnn.characters import CharLanguageModel
from sentiment_rnn.cli import main
from sentiment_rnn.errors import DataError, ModelError, UsageError
from sentiment_rnn.numpy_rnn import RNN

TEXT = "the cat sat on the mat, and the rat ran to the cat. " * 30
SMALL: dict[str, Any] = {"layers": 2, "units": 12, "epochs": 3, "batch_size": 4, "window": 20}


@pytest.fixture(scope="module")
def model():
    return CharLanguageModel("lstm", learning_rate=0.02, seed=1, **SMALL).fit(TEXT)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("characters") / "model"
    model.save(path)
    return path


def test_it_learns_and_says_how(model):
    history = model.history_
    assert history["val_loss"][-1] < 0.6 * history["val_loss"][0]
    bits = model.metrics_["bits_per_character"]["validation"]
    split = len(TEXT) - model.provenance_["validation"]
    assert bits == pytest.approx(model.bits_per_character(TEXT[split:]))
    assert len(model.samples_) == len(history["loss"]) == 3
    assert model.provenance_["characters"] == len(TEXT)


def test_bits_are_those_of_the_probabilities(model):
    text = TEXT[:600]
    probabilities = model.probabilities(text)
    ids = model.alphabet_.encode(text)
    assert probabilities.shape == (600, len(model.alphabet_))
    expected = -np.log2(probabilities[np.arange(599), ids[1:]]).mean()
    assert model.bits_per_character(text) == pytest.approx(expected, rel=1e-5)


def test_states_are_those_of_reading_character_by_character(model):
    text = TEXT[:300]
    states = model.states(text)
    assert states.shape == (300, 2, 12)
    rnn = RNN(model._network, model._weights)
    for place, symbol in enumerate(model.alphabet_.encode(text)):
        rnn.step(np.eye(len(model.alphabet_))[[symbol] * 4])
        for layer in range(2):
            found = rnn.states[layer][0][0]
            np.testing.assert_allclose(states[place, layer], found, atol=1e-5)


def test_plain_keras_reads_the_folder(model, folder):
    network = keras.models.model_from_json((folder / "model.json").read_text())
    network.load_weights(folder / "model.weights.h5")
    text = TEXT[:50]
    one_hot = np.eye(len(model.alphabet_), dtype=np.float32)[model.alphabet_.encode(text)]
    expected = network.predict_on_batch(np.stack([one_hot] * 4))[0]
    np.testing.assert_allclose(model.probabilities(text), expected, atol=1e-5)


def test_a_new_process_writes_the_same_without_keras(model, folder):
    code = (
        "import sys; from sentiment_rnn import CharLanguageModel;"
        "m = CharLanguageModel.load(sys.argv[1]);"
        "print(repr(m.sample(80, prime='the ', seed=5)));"
        "print(sorted({'keras', 'tensorflow', 'gensim', 'nltk', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    expected = f"{model.sample(80, prime='the ', seed=5)!r}\n[]\n"
    assert done.stdout == expected


def test_a_loaded_model_is_the_saved_one(model, folder, tmp_path):
    loaded = CharLanguageModel.load(folder)
    for name in ("alphabet_", "history_", "metrics_", "provenance_", "samples_", "training"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert loaded.architecture == model.architecture
    loaded.save(tmp_path / "again")
    for file in folder.iterdir():
        if file.suffix in (".json", ".csv"):
            again = (tmp_path / "again" / file.name).read_text()
            if file.name != "checksums.json":
                assert file.read_text() == again


# Writing


def test_samples_follow_from_the_seed(model):
    assert model.sample(50, seed=1) == model.sample(50, seed=1) != model.sample(50, seed=2)
    assert model.samples(3, 20, seed=1) != model.samples(3, 20, seed=2)
    assert [len(text) for text in model.samples(3, 20, seed=1)] == [20, 20, 20]
    assert model.sample(0, seed=1) == ""


def test_at_temperature_0_the_most_probable_is_written(model):
    prime = "the cat sat on"
    written = model.sample(30, prime=prime, temperature=0)
    for place in range(30):
        after = model.probabilities(prime + written[:place])[-1]
        assert written[place] == model.alphabet_.decode([int(after.argmax())])
    assert model.sample(30, prime=prime, top_k=1, seed=3) == written


def test_a_sample_ends_at_the_stop(model):
    text = model.sample(500, prime="the ", temperature=0.5, stop=".", seed=0)
    assert "." not in text
    assert len(text) < 500


def test_bytes():
    text = "né à Zoë 東京 " * 60
    model = CharLanguageModel("gru", unit="byte", **{**SMALL, "epochs": 1}).fit(text)
    assert len(model.alphabet_) == len(set(text.encode()))
    assert model.bits_per_character(text) > 0
    assert isinstance(model.sample(20, prime="né", seed=0), str)


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.sample(5, prime="Q"), DataError, "Unknown character 'Q' at position 0"),
        (lambda m: m.sample(5, temperature=-1), UsageError, "temperature must be .* at least 0"),
        (lambda m: m.sample(5, top_k=0), UsageError, "k must be at least 1. Received: 0"),
        (lambda m: m.sample(5, top_p=2), UsageError, "p must be above 0 and at most 1"),
        (lambda m: m.sample(-5), UsageError, "length must be at least 0"),
        (lambda m: m.sample(5, stop="the"), UsageError, "stop must be one character"),
        (lambda m: m.samples(0, 5), UsageError, "count must be a whole number from 1"),
        (lambda m: m.sample(5, seed=-1), UsageError, "seed must be a whole number from 0"),
        (lambda m: CharLanguageModel(seed=-1), UsageError, "seed must be a whole number from 0"),
        (lambda m: CharLanguageModel(unit="word"), UsageError, "unit must be one of character"),
        (lambda m: m.bits_per_character("t"), DataError, "at least 2 characters. Received: 1"),
        (lambda m: m.states(""), DataError, "at least 1 character"),
        (lambda m: CharLanguageModel().sample(5), ModelError, "not trained yet"),
        (lambda m: CharLanguageModel(rate=3), UsageError, "has no option 'rate'"),
        (lambda m: CharLanguageModel("rnn"), UsageError, "architecture must be one of"),
        (lambda m: CharLanguageModel(window=0), UsageError, "window must be a whole number"),
        (lambda m: CharLanguageModel(epochs=1).fit(""), DataError, "alphabet of at least one"),
        (lambda m: CharLanguageModel(epochs=1).fit("abc"), DataError, "at least 65 characters"),
        (lambda m: CharLanguageModel.load("no/such"), ModelError, "There is none at no/such"),
    ],
)
def test_errors(model, call, error, message):
    with pytest.raises(error, match=message):
        call(model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(kind="sentiment"), "expected a character language model"),
        (lambda config: config.pop("alphabet"), "'alphabet' is missing"),
        (lambda config: config["alphabet"].update(symbols="ab"), "expected a network from 2"),
        (lambda config: config["training"].update(window="x"), "window must be a whole number"),
        (lambda config: config["training"].update(hack=1), "unexpected keyword argument"),
    ],
)
def test_a_folder_that_was_tampered_with(folder, tmp_path, change, message):
    import hashlib
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    change(config)
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="its checksum differs"):
        CharLanguageModel.load(copy)
    checksums = json.loads((copy / "checksums.json").read_text())
    digest = hashlib.sha256((copy / "config.json").read_bytes()).hexdigest()
    checksums["config.json"] = digest
    (copy / "checksums.json").write_text(json.dumps(checksums))
    with pytest.raises(ModelError, match=message):
        CharLanguageModel.load(copy)


def test_a_loss_that_is_not_a_number_is_said(monkeypatch):
    monkeypatch.setattr(
        "sentiment_rnn.training.character_engine.cross_entropy", lambda *rest: float("nan")
    )
    with pytest.raises(UsageError, match="not a number after any epoch.*Try a lower learning_rate"):
        CharLanguageModel(**SMALL).fit(TEXT)


# The command line


def test_train_sample_evaluate_and_resume(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    small = ["--units", "8", "--layers", "1", "--batch-size", "4", "--window", "20"]
    train = ["chars", "train", "text.txt", "--out", "model", *small]

    def run(*arguments):
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    code, out, err = run(*train, "--epochs", "1")
    assert code == 0, err
    assert out.startswith("validation: ")
    assert "saved model" in err
    code, _, err = run(*train, "--epochs", "1")
    assert (code, "model is there already" in err) == (2, True)
    code, _, err = run(*train, "--epochs", "2", "--resume")
    assert code == 0, err
    unbroken = CharLanguageModel(layers=1, units=8, batch_size=4, window=20, epochs=2).fit(TEXT)
    loaded = CharLanguageModel.load("model")
    assert loaded.history_ == unbroken.history_
    assert len(loaded.samples_) == 2
    code, _, err = run(*train, "--epochs", "2", "--resume", "--seed", "1")
    assert (code, "checkpoint of other data, settings or another seed" in err) == (4, True)

    code, out, _ = run(
        "chars", "sample", "model", "--length", "20", "--seed", "3", "--prime", "the"
    )
    assert (code, out) == (0, "the" + loaded.sample(20, prime="the", seed=3) + "\n")
    code, out, _ = run("chars", "evaluate", "model", "text.txt", "--json")
    assert json.loads(out)["bits_per_character"] == pytest.approx(loaded.bits_per_character(TEXT))
    code, _, err = run("chars", "sample", "model", "--prime", "Q")
    assert (code, "Unknown character 'Q'" in err) == (3, True)
    code, _, err = run(
        "chars", "show", "model", TEXT[:90], "--rank-on", "text.txt", "--out", "p.html"
    )
    assert code == 0, err
    page = (tmp_path / "p.html").read_text()
    assert "<title>What model reads</title>" in page
    assert page.startswith("<!DOCTYPE html>")
    (tmp_path / "names.txt").write_text("ann\nbob\n" * 200)
    code, _, err = run("chars", "train", "names.txt", "--out", "names", *small, "--epochs", "2")
    assert code == 0, err
    bits = run("chars", "evaluate", "names", "names.txt")[1]
    shuffled = [*small, "--epochs", "2", "--shuffle-lines", "--overwrite"]
    code, _, err = run("chars", "train", "names.txt", "--out", "names", *shuffled)
    assert code == 0, err
    assert run("chars", "evaluate", "names", "names.txt")[1] != bits
    sample = ["chars", "sample", "names", "--samples", "60", "--length", "9", "--seed", "1"]
    code, out, err = run(*sample, "--new", "names.txt")
    assert code == 0, err
    lines = out.splitlines()
    assert not {"ann", "bob", ""} & set(lines)
    assert len(lines) == len(set(lines))
    lines_before = random.Random(1).sample(["ann", "bob"], 2)
    prime = "\n" + "\n".join(lines_before) + "\n"
    names = CharLanguageModel.load("names").samples(60, 9, prime=prime, stop="\n", seed=1)
    new = [name for name in names if name not in ("ann", "bob", "")]
    assert err.startswith(f"{len(new)} of 60 are new: ")
    assert set(lines) == set(new)
    code, _, err = run(*sample, "--new", "names.txt", "--stop", "a")
    assert (code, "leave --stop out" in err) == (2, True)
    code, _, err = run("chars", "show", "model", "--out", "p.html")
    assert (code, "one of the two" in err) == (2, True)
    code, _, err = run("chars", "train", "text.txt", "--out", "text.txt", "--overwrite")
    assert (code, "text.txt is there and is no character model" in err) == (2, True)
    assert "training" not in err
    assert (tmp_path / "text.txt").read_text() == TEXT
    (tmp_path / "short.txt").write_text("abc")
    code, _, err = run("chars", "train", "short.txt", "--out", "other")
    assert (code, "at least" in err) == (3, True)
    assert not (tmp_path / "other").exists()
