import dataclasses
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.architectures.characters import CharacterArchitectureConfig, character_network
from sentiment_rnn.errors import DataError, ModelError
from sentiment_rnn.numpy_rnn import RNN
from sentiment_rnn.training.character_engine import (
    CharacterTask,
    CharacterTrainer,
    cross_entropy,
    fit_characters,
)
from sentiment_rnn.training.config import CharacterTrainingConfig

# A text in which what comes next follows from some characters before, but for some chance.
RANDOM = np.random.default_rng(0)
IDS = np.tile(np.array([0, 1, 2, 0, 3, 4], np.int32), 150)
IDS[RANDOM.integers(0, 900, 60)] = 5


def make_task(architecture="lstm", *, layers=1, dropout=0.0, **options):
    settings = {"batch_size": 4, "window": 10, "epochs": 3, "learning_rate": 0.01, **options}
    config = CharacterTrainingConfig(**settings)
    network = character_network(
        CharacterArchitectureConfig(architecture, layers, 8, dropout),
        symbols=6,
        batch_size=config.batch_size,
    )
    return CharacterTask(network, IDS[:800], IDS[800:], config, seed=3)


@pytest.mark.parametrize("architecture", ["simple", "lstm", "gru"])
def test_losses_follow_those_of_keras_window_by_window(architecture):
    """The state carried, gradients clipped by their common norm, the rate falling."""
    task = make_task(architecture, layers=2, clip_norm=0.5, learning_rate_decay=0.5, decay_after=0)
    trainer = CharacterTrainer(task)
    model = build_network(task.network, [array.copy() for array in trainer.run.weights])
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.5)
    model.compile(optimizer, "categorical_crossentropy")
    for step in range(45):
        inputs, targets = (np.eye(6, dtype=np.float32)[ids] for ids in trainer.batches.batch(step))
        optimizer.learning_rate = 0.01 * 0.5 ** (step // len(trainer.batches))
        expected = float(model.train_on_batch(inputs, targets))
        assert trainer.train_window() == pytest.approx(expected, abs=1e-4)
    assert trainer.epoch == 2
    for ours, theirs in zip(trainer.run.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_it_learns_what_can_be_learned():
    run = fit_characters(make_task(epochs=15))
    # Without the chance it would be 0, by counting characters alone it is 1.66.
    assert run.history["val_loss"][-1] < 0.8
    assert run.history["val_loss"][0] > 1.4
    assert run.best_epoch > 5


def test_the_cross_entropy_is_that_of_reading_step_by_step():
    task = make_task(layers=2)
    weights = CharacterTrainer(task).run.weights
    spec = dataclasses.replace(task.network, batch_shape=(None, None, 6))
    rnn = RNN(spec, weights)
    ids = IDS[:700]
    losses = [-np.log(rnn.step(np.eye(6)[now])[after]) for now, after in pairwise(ids)]
    assert cross_entropy(task.network, weights, ids, rows=1) == pytest.approx(np.mean(losses))
    # Rows begin without a past, and all characters count once.
    assert cross_entropy(task.network, weights, ids, rows=2) == pytest.approx(
        np.mean(losses), rel=0.05
    )
    two = cross_entropy(task.network, weights, ids[:2])
    assert two == pytest.approx(losses[0], rel=1e-5)
    with pytest.raises(DataError, match="a text of at least 2 characters. Received: 1"):
        cross_entropy(task.network, weights, ids[:1])


def test_training_ends_with_the_best_epoch_and_early():
    task = make_task(epochs=40, patience=2, learning_rate=0.1)
    run = fit_characters(task)
    losses = run.history["val_loss"]
    assert len(losses) == run.best_epoch + 2 < 40
    assert run.best_epoch == 1 + int(np.argmin(losses))
    assert cross_entropy(task.network, run.best, task.validation) == pytest.approx(min(losses))


def same(one, other):
    assert one.history == other.history
    assert (one.step, one.best_epoch) == (other.step, other.best_epoch)
    for arrays in (one.weights, other.weights), (one.best, other.best):
        for first, second in zip(*arrays, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("stop", [1, 7, 20, 21, 43])
def test_a_run_that_goes_on_equals_an_unbroken_one(tmp_path, monkeypatch, stop):
    task = make_task("gru", layers=2, dropout=0.4)
    expected = fit_characters(task)
    train_window = CharacterTrainer.train_window

    def breaking(trainer):
        if trainer.run.step == stop:
            raise KeyboardInterrupt
        return train_window(trainer)

    path = tmp_path / "run.npz"
    with monkeypatch.context() as patch:
        patch.setattr(CharacterTrainer, "train_window", breaking)
        with pytest.raises(KeyboardInterrupt):
            fit_characters(task, checkpoint=path, checkpoint_every=3)
    assert path.exists() == (stop >= 3)
    same(fit_characters(task, checkpoint=path, checkpoint_every=3), expected)
    # Nothing is left to do, and more epochs may be asked for.
    same(fit_characters(task, checkpoint=path), expected)
    longer = dataclasses.replace(task, config=dataclasses.replace(task.config, epochs=4))
    same(fit_characters(longer, checkpoint=path), fit_characters(longer))


KILLED = """
import sys
from pathlib import Path
from tests.training.test_character_engine import make_task
from sentiment_rnn.training.character_engine import fit_characters
fit_characters(make_task(dropout=0.2, epochs=200, patience=200), checkpoint=Path(sys.argv[1]),
    checkpoint_every=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.1, 1.6, 2.2])
def test_a_run_that_was_killed_goes_on(tmp_path, seconds):
    path = tmp_path / "run.npz"
    command = [sys.executable, "-c", KILLED, str(path)]
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": root})
    while not path.exists():
        time.sleep(0.01)
        assert process.poll() is None
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    task = make_task(dropout=0.2, epochs=200, patience=200)
    same(fit_characters(task, checkpoint=path), fit_characters(task))


def test_a_checkpoint_of_another_task_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    task = make_task(epochs=1)
    fit_characters(task, checkpoint=path)
    others = [
        dataclasses.replace(task, seed=4),
        dataclasses.replace(task, training=IDS[1:801]),
        make_task("gru", epochs=1),
        make_task(epochs=1, window=11),
    ]
    for other in others:
        with pytest.raises(ModelError, match="run.npz is a checkpoint of other data, settings"):
            fit_characters(other, checkpoint=path)
    for content in (path.read_bytes()[:1000], b"junk"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="run.npz is no checkpoint, or a damaged one\\.$"):
            fit_characters(task, checkpoint=path)
