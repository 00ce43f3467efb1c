"""Trainings that are interrupted, and others that would come in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sentiment_rnn import SentimentClassifier
from sentiment_rnn._files import locked
from sentiment_rnn.cli import main
from sentiment_rnn.numpy_rnn import losses
from sentiment_rnn.training.checkpoints import (
    CheckpointWriter,
    checkpoint_before,
    checkpoint_settings,
)

SMALL = ("--engine", "numpy", "--units", "3", "--maxlen", "40", "--no-test")
TRAIN = ("train", *SMALL, "--epochs", "3", "--seed", "5")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder; interrupted after some steps, where they are given."""
    monkeypatch.chdir(tmp_path)
    after_step = CheckpointWriter.after_step

    def run_command(*arguments, stop=None):
        counted = [0]

        def interrupt(writer, loss):
            after_step(writer, loss)
            counted[0] += 1
            if counted[0] == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(CheckpointWriter, "after_step", interrupt)
            code = main([str(argument) for argument in arguments])
        return code, capsys.readouterr().err

    return run_command


def same(one, other):
    mine, others = SentimentClassifier.load(one), SentimentClassifier.load(other)
    assert mine.history_ == others.history_
    for array, expected in zip(mine._weights, others._weights, strict=True):
        np.testing.assert_array_equal(array, expected)
    for name in ("preset", "seed", "options", "best_epoch", "epochs", "vectors", "trained_on"):
        assert mine.provenance_[name] == others.provenance_[name]


def test_an_interrupted_training_goes_on_with_its_settings(run, tmp_path):
    code, err = run(*TRAIN, "--out", "model", stop=7)
    assert code == 130
    assert "\nmodel.checkpoint is saved: go on with --resume\n\nsentiment-rnn: interrupted\n" in err
    assert not (tmp_path / "model").exists()
    code, err = run("train", "--resume", "--no-test", "--out", "model", stop=5)
    assert (code, "going on from model.checkpoint" in err) == (130, True)
    assert checkpoint_before(tmp_path / "model.checkpoint").exists()
    code, err = run("train", "--resume", "--no-test", "--out", "model")
    assert code == 0, err
    assert run(*TRAIN, "--out", "unbroken")[0] == 0
    same("model", "unbroken")
    assert {path.name for path in tmp_path.iterdir()} == {"model", "unbroken", "runs.jsonl"}


@pytest.mark.parametrize("name", ["model", "largest"])
def test_what_has_not_begun_can_not_go_on(run, tmp_path, name):
    """Also where a model of that name comes with the package."""
    code, err = run("train", "--resume", "--out", name)
    assert (code, err) == (
        2,
        f"sentiment-rnn: There is nothing to resume yet: neither {name}.checkpoint is there nor a "
        f"model in {name}. Start without --resume.\n",
    )
    assert not list(tmp_path.iterdir())


def test_what_would_be_lost_is_not_removed_by_accident(run, tmp_path):
    assert run(*TRAIN, "--out", "model", stop=7)[0] == 130
    before = (tmp_path / "model.checkpoint").read_bytes()
    code, err = run(*TRAIN, "--out", "model")
    assert code == 2
    assert "model.checkpoint is there, of a training that may go on.\nGo on with it by" in err
    assert (tmp_path / "model.checkpoint").read_bytes() == before
    code, err = run(*TRAIN, "--out", "model", "--overwrite", "--units", "4")
    assert code == 0, err
    assert SentimentClassifier.load("model").get_params()["units"] == 4
    assert not (tmp_path / "model.checkpoint").exists()


def test_other_settings_and_data_are_refused_with_the_reason(run, tmp_path):
    assert run(*TRAIN, "--out", "model", stop=7)[0] == 130
    resume = ("train", "--resume", "--no-test", "--out", "model")
    for arguments, message in (
        (("--units", "4"), "Expected units 3, as it began; only epochs may change. Received: 4\n"),
        (("--seed", "6"), "Expected seed 5, as it began"),
        (("--preset", "bidirectional"), "Expected preset textbook, as it began"),
        (("--optimizer", "adam"), "Expected optimizer rmsprop, as it began"),
        (("--limit", "100"), "model.checkpoint is a checkpoint of other data, settings or another"),
    ):
        code, err = run(*resume, *arguments)
        assert (code, message in err) == (4, True), err
    code, err = run(*resume, "--epochs", "4")
    assert code == 0, err
    assert SentimentClassifier.load("model").provenance_["epochs"] == 4


def test_a_model_whose_further_training_was_interrupted_goes_on(run):
    for name in ("model", "unbroken"):
        assert run(*TRAIN, "--out", name)[0] == 0
    further = ("train", "--resume", "--no-test", "--epochs", "2", "--learning-rate", "0.01")
    assert run(*further, "--out", "unbroken")[0] == 0
    assert run(*further, "--out", "model", stop=6)[0] == 130
    assert SentimentClassifier.load("model").provenance_["epochs"] == 3
    code, err = run("train", "--resume", "--out", "model", "--seed", "5")
    assert (code, "--resume goes on with the model's own seed: leave it out" in err) == (2, True)
    code, err = run("train", "--resume", "--no-test", "--out", "model")
    assert code == 0, err
    same("model", "unbroken")
    assert SentimentClassifier.load("model").provenance_["epochs"] == 5


def test_vectors_trained_on_the_texts_are_the_same_again(run):
    train = (*TRAIN, "--vectors", "train", "--limit", "60", "--out")
    assert run(*train, "model", stop=3)[0] == 130
    code, err = run("train", "--resume", "--no-test", "--limit", "60", "--out", "model")
    assert code == 0, err
    assert run(*train, "unbroken")[0] == 0
    same("model", "unbroken")


@pytest.mark.filterwarnings("default")
def test_a_damaged_checkpoint_gives_way_to_the_one_before(run, tmp_path):
    for stop in (7, 2):
        assert run(*TRAIN, "--resume" if stop == 2 else "--no-cache", "--out", "m", stop=stop)[0]
    checkpoint = tmp_path / "m.checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    code, err = run("train", "--resume", "--no-test", "--out", "m")
    assert code == 0
    said = "m.checkpoint is damaged. Going on from the checkpoint before it."
    assert err.startswith(f"sentiment-rnn: {said}\n")
    assert run(*TRAIN, "--out", "unbroken")[0] == 0
    same("m", "unbroken")


@pytest.mark.parametrize(
    "command",
    [
        TRAIN,
        ("train", "--resume"),
        ("pretrain", "--data", "sample"),
        ("chars", "train", "text.txt"),
    ],
)
def test_a_second_training_stays_out_of_the_folder(run, tmp_path, command):
    (tmp_path / "text.txt").write_text("abc" * 500)
    with locked(Path("model")):
        code, err = run(*command, "--out", "model")
    assert (code, "Another program is writing to model. Wait" in err) == (2, True), err
    assert {path.name for path in tmp_path.iterdir()} == {"text.txt"}


def test_the_lock_of_a_training_that_was_killed_is_no_obstacle(run):
    program = (
        "import time; from pathlib import Path; from sentiment_rnn._files import locked\n"
        "with locked(Path('model')): print('locked', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        code, err = run(*TRAIN, "--out", "model")
        assert (code, "Another program is writing to model" in err) == (2, True)
        process.kill()
    code, err = run(*TRAIN, "--out", "model")
    assert code == 0, err


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_process_that_is_told_to_end_leaves_a_checkpoint(tmp_path, number, code, said):
    command = [sys.executable, "-m", "sentiment_rnn", "train", *SMALL, "--epochs", "9999"]
    command += ["--patience", "9999", "--out", "model"]
    with (tmp_path / "log").open("w") as log:
        # A test that runs in the background may have been told to ignore it.
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stderr=log,
            stdout=log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
        )
        while "epoch 3/" not in (tmp_path / "log").read_text():
            time.sleep(0.01)
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait() == code
    assert checkpoint_settings(tmp_path / "model.checkpoint")["units"] == 3
    saved = "model.checkpoint is saved: go on with --resume"
    assert f"\n{saved}\n\nsentiment-rnn: {said}\n" in (tmp_path / "log").read_text()


def test_a_training_that_diverges_says_what_to_try(run, tmp_path, monkeypatch):
    _, *others = losses.LOSSES["binary_crossentropy"]
    nan = (lambda *arguments: float("nan"), *others)
    monkeypatch.setitem(losses.LOSSES, "binary_crossentropy", nan)
    code, err = run(*TRAIN, "--out", "model")
    assert code == 2
    assert "The loss is nan: training diverges. Try a lower learning_rate than 0.001." in err
    assert not list(tmp_path.iterdir())


PRETRAIN = (
    *("pretrain", "--data", "sample", "--vectors", "train", "--seed", "3", "--units", "4"),
    *("--maxlen", "30", "--epochs", "2", "--batch-size", "32", "--candidates", "20", "--out"),
)


def test_pretraining_goes_on_with_its_settings(run):
    assert run(*PRETRAIN, "model", stop=4)[0] == 130
    resume = ("pretrain", "--resume", "--data", "sample", "--out", "model")
    for name, began, now in (
        ("preset", "pretrained", "recommended"),
        ("vectors", "train", "imdb"),
        ("seed", "3", "4"),
        ("units", "4", "5"),
        ("maxlen", "30", "31"),
        ("candidates", "20", "21"),
        # The learning rate falls to 0 by the last of them.
        ("epochs", "2", "3"),
    ):
        code, err = run(*resume, f"--{name}", now)
        expected = f"Expected {name} {began}, as it began. Received: {now}\n"
        assert (code, expected in err) == (4, True)
    code, err = run(*resume, "--candidates", "20")
    assert code == 0, err
    assert run(*PRETRAIN, "unbroken")[0] == 0
    mine, other = (SentimentClassifier.load(name) for name in ("model", "unbroken"))
    assert mine.history_ == other.history_
    np.testing.assert_array_equal(mine.word_vectors.matrix(), other.word_vectors.matrix())
    for name in ("preset", "options", "seed", "vectors", "pretraining", "perplexity"):
        assert mine.provenance_[name] == other.provenance_[name]


def test_each_kind_of_training_goes_on_by_its_own_command(run):
    data = ("--data", "sample", "--out", "model")
    assert run(*TRAIN, "--out", "model", stop=3)[0] == 130
    code, err = run("pretrain", "--resume", *data)
    assert (code, "model.checkpoint is of another kind of training" in err) == (2, True)
    assert run(*PRETRAIN, "model", "--overwrite", stop=3)[0] == 130
    code, err = run("train", "--resume", *data)
    assert (code, "model.checkpoint is of another kind of training" in err) == (2, True)


def test_character_models_go_on_too(run, tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 200)
    chars = ["chars", "train", "text.txt", "--units", "4", "--layers", "1", "--batch-size", "4"]
    chars += ["--window", "20", "--epochs", "2", "--out"]
    assert run(*chars, "letters", stop=9)[0] == 130
    assert run("chars", "train", "text.txt", "--out", "letters")[0] == 2
    code, err = run("chars", "train", "text.txt", "--resume", "--out", "letters")
    assert code == 0, err
    assert run(*chars, "unbroken")[0] == 0
    histories = [tmp_path / name / "history.csv" for name in ("letters", "unbroken")]
    assert histories[0].read_text() == histories[1].read_text()
    config = json.loads((tmp_path / "letters" / "config.json").read_text())
    assert config["training"]["epochs"] == 2
