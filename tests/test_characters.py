import importlib
import json
import math
import random
import re
import shlex
import subprocess
import sys
from itertools import product
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sentiment_rnn.characters import CharLanguageModel
from sentiment_rnn.cli import main
from sentiment_rnn.datasets import load_data, load_text_or_reviews
from sentiment_rnn.errors import DataError, ModelError, UsageError
from sentiment_rnn.numpy_rnn import RNN
from sentiment_rnn.persistence.folders import write_checksums
from sentiment_rnn.training import character_engine
from sentiment_rnn.training.character_engine import CharacterSample
from tests.conftest import ROOT

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


@pytest.fixture(
    scope="module", params=[("hidden-feedback", "concat"), ("hidden-feedback", "sum"), None]
)
def early(request):
    """A model of one of the two early architectures, with what is usual for it."""
    if request.param is None:
        model = CharLanguageModel("output-feedback", units=12, epochs=3, batch_size=4)
    else:
        architecture, merge_mode = request.param
        model = CharLanguageModel(
            architecture, units=12, epochs=3, batch_size=4, window=20, merge_mode=merge_mode
        )
    return model.fit(TEXT)


def test_early_architectures_learn_write_and_come_back(early, tmp_path):
    assert early.history_["val_loss"][-1] < early.history_["val_loss"][0]
    early.save(tmp_path / "model")
    loaded = CharLanguageModel.load(tmp_path / "model")
    assert loaded.get_params() == early.get_params()
    assert loaded.sample(80, prime="the ", seed=3) == early.sample(80, prime="the ", seed=3)
    text = TEXT[:300]
    np.testing.assert_array_equal(loaded.probabilities(text), early.probabilities(text))
    expected = -np.log2(
        early.probabilities(text)[np.arange(299), early.alphabet_.encode(text)[1:]]
    ).mean()
    assert loaded.bits_per_character(text) == pytest.approx(expected, rel=1e-5)


def test_plain_keras_reads_the_folder_of_an_early_architecture(early, tmp_path):
    # It knows of the layers once their module is imported.
    importlib.import_module("sentiment_rnn.architectures.feedback")
    early.save(tmp_path / "model")
    network = keras.models.model_from_json((tmp_path / "model" / "model.json").read_text())
    network.load_weights(tmp_path / "model" / "model.weights.h5")
    ids = early.alphabet_.encode(TEXT[:50])
    one_hot = np.eye(len(early.alphabet_), dtype=np.float32)[ids]
    expected = network.predict_on_batch(np.stack([one_hot] * 4))[0]
    np.testing.assert_allclose(early.probabilities(TEXT[:50]), expected, atol=1e-5)


def test_states_of_early_architectures(early):
    text = TEXT[:60]
    states = early.states(text)
    merged = early.architecture.merge_mode == "sum"
    assert states.shape == (60, 1, 12 if merged else 24)
    if early.architecture.architecture == "output-feedback":
        kernel, bias = early._weights[2:]
        sums = states[:, 0] @ kernel + bias
        expected = np.exp(sums) / np.exp(sums).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(early.probabilities(text), expected, atol=1e-5)
    else:
        rnn = RNN(early._network, early._weights)
        for place, symbol in enumerate(early.alphabet_.encode(text)):
            rnn.step(np.eye(len(early.alphabet_))[[symbol] * 4])
            np.testing.assert_allclose(states[place, 0], rnn.states[0][0][0], atol=1e-5)


def test_mean_states_are_those_of_each_text_alone(model):
    random.seed(0)
    texts = ["", "the cat", "é", *(TEXT[:n] for n in random.sample(range(1, 400), 40))]
    means = model.mean_states(texts)
    assert means.shape == (43, 2, 12)
    assert not means[0].any()
    assert not means[2].any()
    for text, mean in zip(texts, means, strict=True):
        if text not in ("", "é"):
            np.testing.assert_allclose(mean, model.states(text).mean(axis=0), atol=1e-6)
    # A character that the model doesn't know is as if it weren't there.
    np.testing.assert_allclose(model.mean_states(["thé cat"]), model.mean_states(["th cat"]))


def test_mean_states_of_early_architectures():
    early = CharLanguageModel("hidden-feedback", units=6, epochs=1, batch_size=4, window=20)
    early.fit(TEXT)
    np.testing.assert_allclose(
        early.mean_states(["the mat"])[0], early.states("the mat").mean(axis=0), atol=1e-6
    )
    other = CharLanguageModel("output-feedback", units=6, epochs=1, batch_size=4, window=20)
    with pytest.raises(UsageError, match="fed with what it expects"):
        other.fit(TEXT).mean_states(["the mat"])


def test_the_card_of_an_early_architecture_says_what_is_unusual(early, tmp_path):
    early.save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    command = next(line for line in card.splitlines() if "chars train" in line)
    options = ["--units 12", "--epochs 3"]
    options += [] if early.architecture.architecture == "output-feedback" else ["--window 20"]
    options += ["--merge-mode sum"] if early.architecture.merge_mode == "sum" else []
    assert all(option in command for option in options)
    assert f"--architecture {early.architecture.architecture}" in command
    assert "--optimizer" not in command
    assert "--learning-rate" not in command


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


@pytest.fixture(scope="module", params=["lstm", "gru"])
def three(request):
    """A model of three characters, of which the next depends on some before, but for chance."""
    chance = random.Random(0)
    text = "".join(chance.choice(("abca", "cab", "bb")) for _ in range(300))
    options = {**SMALL, "units": 6, "epochs": 2}
    return CharLanguageModel(request.param, learning_rate=0.02, seed=2, **options).fit(text)


def log_probability(model, prime, text):
    """Of a text after another, read from the beginning."""
    after = model.probabilities(prime + text)[len(prime) - 1 : -1].astype(float)
    return float(np.log(after[np.arange(len(text)), model.alphabet_.encode(text)]).sum())


@pytest.mark.parametrize("prime", ["b", "abcabcb"])
def test_a_wide_beam_finds_the_most_probable_of_all_texts(three, prime):
    texts = ["".join(text) for text in product("abc", repeat=4)]
    scores = {text: log_probability(three, prime, text) for text in texts}
    expected = sorted(texts, key=lambda text: -scores[text])
    for width in (27, 81):
        found = three.beam_search(4, prime=prime, width=width)
        assert [text for text, _ in found] == expected[:width]
        for text, score in found:
            assert score == pytest.approx(scores[text], abs=1e-4)


def test_where_nothing_is_given_a_piece_of_its_text_is_read_first(three, model, tmp_path):
    chance = random.Random(0)
    text = "".join(chance.choice(("abca", "cab", "bb")) for _ in range(300))
    # There is no end of a line or a word in it.
    read = text[: len(text) - three.provenance_["validation"]][-100:]
    assert three.sample(30, seed=1) == three.sample(30, seed=1, prime=read)
    assert three.beam_search(9, width=3) == three.beam_search(9, width=3, prime=read)
    three.save(tmp_path / "three")
    assert CharLanguageModel.load(tmp_path / "three").sample(30, seed=1) == three.sample(30, seed=1)
    read = TEXT[: len(TEXT) - model.provenance_["validation"]]
    read = read[: 1 + max(read.rfind("\n"), read.rfind(" ") if "\n" not in read else 0)][-100:]
    assert model.sample(30, seed=1) == model.sample(30, seed=1, prime=read)


def test_what_follows_upon_nothing_where_a_folder_knows_of_no_text(three, tmp_path):
    three.save(tmp_path / "three")
    config = json.loads((tmp_path / "three" / "config.json").read_text())
    for ids, message in ((None, ""), ([3], "expected ids below 3. Received: 3"), ([-1], "from 0")):
        config["beginning"] = ids
        if ids is None:
            del config["beginning"]
        (tmp_path / "three" / "config.json").write_text(json.dumps(config))
        (tmp_path / "three" / "checksums.json").unlink()
        write_checksums(tmp_path / "three")
        if message:
            with pytest.raises(ModelError, match=message):
                CharLanguageModel.load(tmp_path / "three")
        else:
            # Each character is as probable as the next.
            loaded = CharLanguageModel.load(tmp_path / "three")
            [(text, score)] = loaded.beam_search(1, width=1)
            assert (text, score) == ("a", pytest.approx(math.log(1 / 3)))


@pytest.mark.parametrize("width", [2, 4])
def test_a_narrow_beam_keeps_the_state_of_each_text(three, width):
    """The same over texts that are read from the beginning each time, without a state."""
    beams = [""]
    for _ in range(12):
        grown = [text + symbol for text in beams for symbol in "abc"]
        beams = sorted(grown, key=lambda text: -log_probability(three, "ab", text))[:width]
    found = three.beam_search(12, prime="ab", width=width)
    assert [text for text, _ in found] == beams


def test_a_beam_of_1_writes_the_most_probable_character_always(model, three):
    for writer, prime in ((model, "the cat"), (model, ""), (three, "a")):
        [(text, _)] = writer.beam_search(30, prime=prime, width=1)
        assert text == writer.sample(30, prime=prime, temperature=0)


def test_a_beam_ends_at_the_stop(three):
    found = dict(three.beam_search(2, prime="a", width=20, stop="b"))
    assert set(found) == {"", "a", "c", "aa", "ac", "ca", "cc"}
    for text, score in found.items():
        whole = text + "b" if len(text) < 2 else text
        assert score == pytest.approx(log_probability(three, "a", whole), abs=1e-4)


def test_a_sample_ends_at_the_stop(model):
    text = model.sample(500, prime="the ", temperature=0.5, stop=".", seed=0)
    assert "." not in text
    assert len(text) < 500


def test_bytes(tmp_path, capsys):
    text = "né à Zoë 東京 " * 60
    model = CharLanguageModel("gru", unit="byte", **{**SMALL, "epochs": 1}).fit(text)
    assert len(model.alphabet_) == len(set(text.encode()))
    assert model.bits_per_character(text) > 0
    assert isinstance(model.sample(20, prime="né", seed=0), str)
    model.save(tmp_path / "model")
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("model", "text.txt")]
    assert main(["chars", "evaluate", *paths, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bits_per_byte"] == pytest.approx(model.bits_per_character(text))
    assert said["characters"] == len(text)


def test_a_list_is_no_text():
    with pytest.raises(DataError, match="Expected one text of type str. Received: list"):
        CharLanguageModel().fit(["a", "b"])  # type: ignore[arg-type]


def test_what_an_interrupted_training_leaves_is_the_model_before(tmp_path, monkeypatch):
    small: dict[str, Any] = {**SMALL, "layers": 1}
    model = CharLanguageModel("gru", **small).fit(TEXT)
    before = model.sample(30, seed=1)
    path = tmp_path / "checkpoint"
    CharLanguageModel("gru", **{**small, "units": 5}).fit(TEXT, checkpoint=path)
    with pytest.raises(ModelError, match="a checkpoint of other settings"):
        model.fit("xyz" * 400, checkpoint=path)
    assert model.sample(30, seed=1) == before

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(character_engine.CharacterTrainer, "end_epoch", stop)
    new = CharLanguageModel("gru", **small)
    for one in (model, new):
        with pytest.raises(KeyboardInterrupt):
            one.fit("xyz" * 400)
    assert model.sample(30, seed=1) == before
    with pytest.raises(ModelError, match="not trained yet"):
        new.save(tmp_path / "new")


def test_shuffled_lines_are_read_in_an_order_that_the_seed_gives():
    text = "ann\nbob\ncid\n" * 40
    lines = text.splitlines()
    random.Random(5).shuffle(lines)
    options = {**SMALL, "epochs": 1, "seed": 5}
    shuffled = CharLanguageModel(shuffle_lines=True, **options).fit(text)
    assert shuffled.history_ == CharLanguageModel(**options).fit("\n".join(lines) + "\n").history_
    assert shuffled.history_ != CharLanguageModel(**options).fit(text).history_


# Samples of training


def test_samples_of_training_are_saved_with_their_losses(tmp_path):
    options = {**SMALL, "epochs": 2, "sample_every": 8, "decay_steps": 3, "shuffle_lines": True}
    model = CharLanguageModel(seed=4, **options).fit(TEXT)
    # 1404 characters in 4 rows, windows of 20: 18 windows in an epoch.
    assert [sample.step for sample in model.samples_] == [8, 16, 18, 24, 32, 36]
    assert [sample.epoch for sample in model.samples_] == [1, 1, 1, 2, 2, 2]
    losses = [sample.val_loss for sample in model.samples_]
    first, second = model.history_["val_loss"]
    assert losses == [None, None, first, None, None, second]
    early = CharLanguageModel(seed=4, **{**options, "epochs": 1}).fit(TEXT)
    assert early.samples_ == model.samples_[:3]
    assert early.samples_[-1].text == early.sample(200, temperature=0.8, seed=4)
    model.save(tmp_path / "model")
    assert CharLanguageModel.load(tmp_path / "model").samples_ == model.samples_
    card = (tmp_path / "model" / "README.md").read_text()
    headings = re.findall(r"^(Epoch .*):$", card, re.MULTILINE)
    assert headings == [sample.heading.capitalize() for sample in model.samples_]
    assert f"Epoch 1, step 8, loss {model.samples_[0].loss:.4f}:\n\n    " in card
    assert f", validation loss {first:.4f}:\n" in card
    [command] = re.findall(r"^sentiment-rnn chars train .*", card, re.MULTILINE)
    assert " --decay-steps 3 " in command
    assert command.endswith(" --sample-every 8 --shuffle-lines")


def test_a_folder_with_samples_that_are_texts_is_read():
    saved = json.loads((ROOT / "models" / "shakespeare" / "config.json").read_text())
    assert isinstance(saved["samples"][0], str)
    assert CharLanguageModel.load().samples_ == [
        CharacterSample(text, epoch=number) for number, text in enumerate(saved["samples"], 1)
    ]


def test_a_folder_may_hold_thousands_of_samples(model, tmp_path):
    many = CharLanguageModel(**SMALL)
    vars(many).update(vars(model))
    many.samples_ = [CharacterSample("x" * 200, 1, step, 1.5) for step in range(1, 8001)]
    many.save(tmp_path / "model")
    assert CharLanguageModel.load(tmp_path / "model").samples_ == many.samples_


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: m.beam_search(0),
            UsageError,
            "length must be a whole number from 1 to 1,000,000,000. Received: 0",
        ),
        (
            lambda m: m.beam_search(5, width=0),
            UsageError,
            "width must be a whole number from 1 to 10,000. Received: 0",
        ),
        (lambda m: m.beam_search(5, stop="the"), UsageError, "stop must be one character"),
        (lambda m: m.beam_search(5, prime="Q"), DataError, "Unknown character 'Q' at position 0"),
        (lambda m: CharLanguageModel().beam_search(5), ModelError, "not trained yet"),
        (lambda m: CharLanguageModel(decay_steps=-1), UsageError, "decay_steps must be a whole"),
        (lambda m: CharLanguageModel(sample_every=-1), UsageError, "sample_every must be a whole"),
        (lambda m: CharLanguageModel(shuffle_lines=1), UsageError, "shuffle_lines must be true"),
        (lambda m: m.sample(5, prime="Q"), DataError, "Unknown character 'Q' at position 0"),
        (lambda m: m.sample(5, temperature=-1), UsageError, "temperature must be .* at least 0"),
        (lambda m: m.sample(5, top_k=0), UsageError, "k must be at least 1. Received: 0"),
        (lambda m: m.sample(5, top_p=2), UsageError, "p must be above 0 and at most 1"),
        (lambda m: m.sample(-5), UsageError, "length must be a whole number from 0 to"),
        (lambda m: m.sample(5, stop="the"), UsageError, "stop must be one character"),
        (lambda m: m.samples(0, 5), UsageError, "count must be a whole number from 1"),
        (lambda m: m.sample(5, seed=-1), UsageError, "seed must be a whole number from 0"),
        (lambda m: CharLanguageModel(seed=-1), UsageError, "seed must be a whole number from 0"),
        (lambda m: CharLanguageModel(unit="word"), UsageError, "unit must be one of character"),
        (lambda m: m.bits_per_character("t"), DataError, "at least 2 characters. Received: 1"),
        (lambda m: m.states(""), DataError, "at least 1 character"),
        (lambda m: CharLanguageModel().sample(5), ModelError, "not trained yet"),
        (lambda m: CharLanguageModel(rate=3), UsageError, "have no option 'rate'"),
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
        (lambda config: config["training"].update(hack=1), "expected no key 'hack'"),
        (lambda config: config.update(samples="x"), "samples: expected an array"),
        (lambda config: config.update(samples=[1]), "samples: 1: expected an object. Received: 1"),
        (lambda config: config["samples"][1].update(hack=1), "samples: 2: expected no key 'hack'"),
        (lambda config: config["samples"][1].update(step="x"), "samples: 2: expected a whole"),
        (lambda config: config["samples"][1].update(loss="x"), "samples: 2: expected a number"),
        (lambda config: config["samples"][1].pop("text"), "'text' is missing"),
    ],
)
def test_a_folder_that_was_tampered_with(folder, tmp_path, change, message):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    change(config)
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="its checksum differs"):
        CharLanguageModel.load(copy)
    (copy / "checksums.json").unlink()
    write_checksums(copy)
    with pytest.raises(ModelError, match=message):
        CharLanguageModel.load(copy)


def test_a_loss_that_is_not_a_number_is_said(monkeypatch):
    monkeypatch.setattr(
        "sentiment_rnn.training.character_engine.cross_entropy", lambda *rest: float("nan")
    )
    with pytest.raises(
        UsageError, match="loss is nan: .*Try a lower learning_rate.*clip_norm than"
    ):
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
    assert (code, "Expected seed 0, as it began" in err) == (4, True)

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


def test_resume_takes_the_settings_from_the_checkpoint(run, tmp_path):
    lines = ["the cat sat", "on the mât", "and the rat", "ran to the cat"] * 30
    (tmp_path / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    train = ["chars", "train", "text.txt", "--out"]
    settings = shlex.split(
        "--architecture gru --layers 2 --units 9 --dropout 0.3 --unit byte --seed 6 "
        "--shuffle-lines --batch-size 3 --window 15 --optimizer rmsprop --learning-rate 0.01 "
        "--learning-rate-decay 0.9 --decay-after 1 --decay-steps 11 --sample-every 13 "
        "--validation-fraction 0.2"
    )
    code, _, err = run(*train, "unbroken", *settings, "--epochs", 4)
    assert code == 0, err
    code, _, err = run(*train, "broken", *settings, "--epochs", 2)
    assert code == 0, err
    assert len(CharLanguageModel.load("broken").history_["loss"]) == 2
    code, _, err = run(*train, "broken", "--resume", "--epochs", 4)
    assert code == 0, err
    unbroken, broken = CharLanguageModel.load("unbroken"), CharLanguageModel.load("broken")
    for ours, theirs in zip(unbroken._weights, broken._weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert unbroken.get_params() == broken.get_params()
    assert unbroken.history_ == broken.history_
    assert len(unbroken.history_["loss"]) == 4
    assert unbroken.samples_ == broken.samples_
    # Without --epochs, as many as before: nothing is left to do.
    code, _, err = run(*train, "broken", "--resume")
    assert code == 0, err
    assert CharLanguageModel.load("broken").history_ == unbroken.history_
    # Other settings are refused by name; the same ones may be given again, and some may change.
    before = (tmp_path / "broken.checkpoint").read_bytes()
    for flag, value, message in (
        ("--learning-rate", "0.02", "Expected learning_rate 0.01, as it began"),
        ("--units", "8", "Expected units 9, as it began"),
        ("--unit", "character", "Expected unit byte, as it began"),
        ("--seed", "0", "Expected seed 6, as it began"),
        ("--patience", "7", "Expected patience 5, as it began"),
    ):
        code, _, err = run(*train, "broken", "--resume", flag, value)
        assert (code, message in err, f"Received: {value}\n" in err) == (4, True, True), err
    code, _, err = run(*train, "broken", "--resume", "--no-shuffle-lines")
    assert (code, "Expected shuffle_lines True, as it began" in err) == (4, True)
    (tmp_path / "other.txt").write_text("\n".join(lines[1:]), encoding="utf-8")
    code, _, err = run("chars", "train", "other.txt", "--out", "broken", "--resume")
    assert (code, "broken.checkpoint is a checkpoint of other data" in err) == (4, True)
    assert (tmp_path / "broken.checkpoint").read_bytes() == before
    code, _, err = run(*train, "broken", "--resume", *settings, "--sample-every", 5)
    assert code == 0, err
    for file in tmp_path.glob("broken.checkpoint*"):
        file.write_bytes(b"junk")
    code, _, err = run(*train, "broken", "--resume")
    assert (code, "is no checkpoint, or a damaged one." in err) == (4, True)
    code, _, err = run(*train, "nothing", "--resume")
    assert (code, "nothing to resume: nothing.checkpoint is missing" in err) == (2, True)


def test_models_of_the_other_kind_are_called_by_their_name(run, folder):
    code, _, err = run("predict", "--model", folder, "to be")
    assert (code, f"{folder} holds a character language model." in err) == (4, True)
    assert "`sentiment-rnn chars` has the commands for it" in err
    code, _, err = run("chars", "sample", ROOT / "models" / "textbook")
    assert (code, "holds a model that classifies, which `sentiment-rnn predict`" in err) == (
        4,
        True,
    )
    assert err.endswith("Expected a character language model.\n")


def test_beam_search_from_the_command_line(run, model, folder):
    sample = ["chars", "sample", folder, "--length", 8, "--prime", "the "]
    expected = ["the " + text for text, _ in model.beam_search(8, prime="the ", width=4)]
    assert run(*sample, "--beam-width", 4) == (0, expected[0] + "\n", "")
    code, out, _ = run(*sample, "--beam-width", 4, "--samples", 3)
    assert (code, out.splitlines()) == (0, expected[:3])
    [(stopped, _), *_] = model.beam_search(8, prime="the ", width=4, stop=" ")
    assert run(*sample, "--beam-width", 4, "--stop", " ")[1] == f"the {stopped}\n"
    for flag, value in (
        ("--temperature", "1"),
        ("--top-k", "3"),
        ("--top-p", "0.9"),
        ("--seed", "0"),
    ):
        code, _, err = run(*sample, "--beam-width", 4, flag, value)
        assert (code, f"--beam-width leaves nothing to chance: leave {flag} out" in err) == (
            2,
            True,
        )
    code, _, err = run(*sample, "--beam-width", 4, "--samples", 5)
    assert (code, "at most the --beam-width, 4. Received: 5" in err) == (2, True)


def test_probe_from_the_command_line(run, tmp_path):
    """A model of reviews, and which of its cells tell the class."""
    corpus = ROOT / "data" / "sample" / "aclImdb"
    learn = ("--layers", "1", "--units", "20", "--epochs", "2", "--batch-size", "8")
    code, _, err = run("chars", "train", corpus, "--out", tmp_path / "reviews", *learn)
    assert code == 0, err
    provenance = CharLanguageModel.load(tmp_path / "reviews").provenance_
    assert provenance["characters"] == len(load_text_or_reviews(corpus))

    code, out, err = run("chars", "probe", tmp_path / "reviews", "--data", "sample", "--cells", "3")
    assert code == 0, err
    head, *rows, _, sum_of_it = out.splitlines()
    assert head.split() == ["layer", "cell", "AUC", "in", "positive", "texts"]
    assert len(rows) == 3
    assert re.fullmatch(r"all 20 cells together: accuracy 0\.\d{4} on 60 test texts", sum_of_it), (
        sum_of_it
    )
    code, out, err = run("chars", "probe", tmp_path / "reviews", "--data", "sample", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["texts"] == 60
    assert [int(row.split()[1]) for row in rows] == [one["cell"] for one in found["cells"]][:3]
    model = CharLanguageModel.load(tmp_path / "reviews")
    _, test = load_data("sample")
    assert test is not None
    best = found["cells"][0]
    values = model.mean_states(test.texts)[:, 0, best["cell"]]
    assert best["auc"] == pytest.approx(
        max(roc_auc_score(test.labels, values), roc_auc_score(test.labels, -values))
    )


def test_a_probe_needs_test_texts(run, folder, tmp_path):
    table = tmp_path / "reviews.csv"
    table.write_text("text,label\ndull,0\ngood,1\n")
    code, _, err = run("chars", "probe", folder, "--data", table)
    assert code == 2
    assert "A table has one part only." in err
