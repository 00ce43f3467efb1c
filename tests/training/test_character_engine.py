import dataclasses
import math
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
from sentiment_rnn.training import character_learners
from sentiment_rnn.training.character_engine import (
    CharacterTask,
    CharacterTrainer,
    cross_entropy,
    fit_characters,
)
from sentiment_rnn.training.checkpoints import (
    checkpoint_before,
    checkpoint_settings,
    has_checkpoint,
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


@pytest.mark.parametrize(
    ("architecture", "decay_steps"), [("simple", 0), ("lstm", 0), ("gru", 0), ("lstm", 9)]
)
def test_losses_follow_those_of_keras_window_by_window(architecture, decay_steps):
    """The state carried, gradients clipped by their common norm, the rate falling."""
    task = make_task(
        architecture,
        layers=2,
        clip_norm=0.5,
        learning_rate_decay=0.5,
        decay_after=0,
        decay_steps=decay_steps,
    )
    trainer = CharacterTrainer(task)
    model = build_network(task.network, [array.copy() for array in trainer.run.weights])
    # Keras counts the steps itself.
    falling = keras.optimizers.schedules.ExponentialDecay(
        0.01, decay_steps or len(trainer.batches), 0.5, staircase=True
    )
    optimizer = keras.optimizers.Adam(falling, global_clipnorm=0.5)
    model.compile(optimizer, "categorical_crossentropy")
    for step in range(45):
        inputs, targets = (np.eye(6, dtype=np.float32)[ids] for ids in trainer.batches.batch(step))
        expected = float(model.train_on_batch(inputs, targets))
        assert trainer.train_window() == pytest.approx(expected, abs=1e-4)
    assert trainer.run.step // len(trainer.batches) == 2
    for ours, theirs in zip(trainer.run.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("decay_steps", [0, 7, 20, 100])
def test_the_staircase_is_that_of_keras(decay_steps):
    task = make_task(learning_rate_decay=0.7, decay_after=0, decay_steps=decay_steps, epochs=4)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps or 20, 0.7, True)
    found = [task.config.learning_rate_at(step, 20) for step in range(80)]
    np.testing.assert_allclose(found, [float(schedule(step)) for step in range(80)], rtol=1e-5)
    # decay_after moves it to the right by whole steps of the staircase.
    later = dataclasses.replace(task.config, decay_after=2)
    period = decay_steps or 20
    moved = [later.learning_rate_at(step, 20) for step in range(80)]
    assert moved == [0.01] * len(moved[: 2 * period]) + found[: max(0, 80 - 2 * period)]
    # An epoch's rate is that of its last window.
    assert fit_characters(task).history["learning_rate"] == found[19::20]


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


@pytest.mark.parametrize("sample_every", [0, 7, 10, 25])
def test_samples_say_when_they_were_written_and_how_good_the_model_was(sample_every):
    task = make_task(sample_every=sample_every)
    run = fit_characters(task, show=lambda run: f"{run.step}: {run.weights[0].sum()}")
    # Training itself is the same, whatever is shown.
    trainer = CharacterTrainer(task)
    losses, texts = [], {}
    for step in range(1, 61):
        losses.append(trainer.train_window())
        texts[step] = f"{step}: {trainer.run.weights[0].sum()}"
    own = {step for step in range(1, 61) if sample_every and step % sample_every == 0}
    steps = sorted(own | {20, 40, 60})
    assert [sample.step for sample in run.samples] == steps
    for before, step, sample in zip([0, *steps[:-1]], steps, run.samples, strict=True):
        assert sample.text == texts[step]
        assert sample.epoch == math.ceil(step / 20)
        assert sample.loss == pytest.approx(np.mean(losses[before:step]))
        ended = step % 20 == 0
        assert sample.val_loss == (run.history["val_loss"][sample.epoch - 1] if ended else None)
    assert run.history["loss"] == pytest.approx(np.mean(np.reshape(losses, (3, 20)), axis=1))


def test_samples_are_shown_without_breaking_the_bar(capsys):
    fit_characters(make_task(epochs=1, sample_every=15), show=lambda run: "Oh!", verbose=True)
    error = capsys.readouterr().err
    assert "epoch 1, step 15, loss 1." in error
    assert "epoch 1, step 20, loss 1." in error
    assert "Oh!" in error.replace("\r", "\n").splitlines()


def same(one, other):
    assert one.history == other.history
    assert one.samples == other.samples
    assert (one.step, one.best_epoch) == (other.step, other.best_epoch)
    for arrays in (one.weights, other.weights), (one.best, other.best):
        for first, second in zip(*arrays, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("engine", "stop"), [*(("numpy", stop) for stop in (1, 7, 20, 21, 43)), ("keras", 23)]
)
def test_a_run_that_goes_on_equals_an_unbroken_one(tmp_path, monkeypatch, engine, stop):
    task = make_task("gru", layers=2, dropout=0.4, sample_every=8, decay_steps=6, engine=engine)

    def show(run):
        return str([float(array.sum()) for array in run.weights])

    expected = fit_characters(task, show=show)
    assert len(expected.samples) == 3 + 7 - 1
    train_window = CharacterTrainer.train_window

    def breaking(trainer):
        if trainer.run.step == stop:
            raise KeyboardInterrupt
        return train_window(trainer)

    path = tmp_path / "run.npz"
    with monkeypatch.context() as patch:
        patch.setattr(CharacterTrainer, "train_window", breaking)
        with pytest.raises(KeyboardInterrupt):
            fit_characters(task, checkpoint=path, checkpoint_every=3, show=show)
    assert has_checkpoint(path) == (stop >= 3)
    same(fit_characters(task, checkpoint=path, checkpoint_every=3, show=show), expected)
    # Nothing is left to do, and more epochs may be asked for.
    same(fit_characters(task, checkpoint=path, show=show), expected)
    longer = dataclasses.replace(task, config=dataclasses.replace(task.config, epochs=4))
    same(fit_characters(longer, checkpoint=path, show=show), fit_characters(longer, show=show))


@pytest.mark.parametrize("architecture", ["lstm", "hidden-feedback", "output-feedback"])
@pytest.mark.parametrize("optimizer", ["adam", "adadelta", "sgd"])
def test_both_engines_take_the_same_steps(architecture, optimizer):
    options = {"optimizer": optimizer, "epochs": 2, "clip_norm": 0.5, "learning_rate_decay": 0.5}
    ours, theirs = (
        fit_characters(make_task(architecture, engine=engine, decay_after=1, **options))
        for engine in ("numpy", "keras")
    )
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, atol=1e-3, err_msg=name)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(mine, other, atol=2e-3)


KILLED = """
import sys
from pathlib import Path
from tests.training.test_character_engine import make_task
from sentiment_rnn.training import character_learners
from sentiment_rnn.training.character_engine import fit_characters
character_learners.count_processes = lambda *_, **__: int(sys.argv[4])
task = make_task(dropout=0.2, epochs=int(sys.argv[3]), patience=200, engine=sys.argv[2])
fit_characters(task, checkpoint=Path(sys.argv[1]), checkpoint_every=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.1, 1.6, 2.2])
@pytest.mark.parametrize(
    ("engine", "epochs", "processes"), [("numpy", 200, 1), ("numpy", 100, 2), ("keras", 40, 1)]
)
def test_a_run_that_was_killed_goes_on(monkeypatch, tmp_path, engine, epochs, processes, seconds):
    monkeypatch.setattr(character_learners, "count_processes", lambda *_, **__: processes)
    path = tmp_path / "run.npz"
    command = [sys.executable, "-c", KILLED, str(path), engine, str(epochs), str(processes)]
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": root})
    while not path.exists():
        time.sleep(0.01)
        assert process.poll() is None
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    task = make_task(dropout=0.2, epochs=epochs, patience=200, engine=engine)
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
    more = make_task(epochs=2, sample_every=5)
    assert fit_characters(more, checkpoint=path).step == 40
    for content in (path.read_bytes()[:1000], b"junk"):
        for file in (path, checkpoint_before(path)):
            file.write_bytes(content)
        with pytest.raises(ModelError, match="run.npz is no checkpoint, or a damaged one\\.$"):
            fit_characters(task, checkpoint=path)
        with pytest.raises(ModelError, match="run.npz is no checkpoint, or a damaged one\\.$"):
            checkpoint_settings(path)


def test_a_checkpoint_keeps_the_settings_and_refuses_others_by_name(tmp_path):
    path = tmp_path / "run.npz"
    settings = {"unit": "byte", "seed": 3, "learning_rate": 0.1, "epochs": 1}
    task = dataclasses.replace(make_task(epochs=1), settings=settings)
    fit_characters(task, checkpoint=path)
    assert checkpoint_settings(path) == settings
    changed = {**settings, "epochs": 2, "sample_every": 4}
    fit_characters(dataclasses.replace(task, settings=changed), checkpoint=path)
    for name, value in (("unit", "character"), ("seed", 4), ("learning_rate", 0.2)):
        other = dataclasses.replace(task, settings={**settings, name: value})
        message = (
            f"run.npz is a checkpoint of other settings. Expected {name} {settings[name]}, as it "
            f"began; only epochs and sample_every may change. Received: {value}$"
        )
        with pytest.raises(ModelError, match=message):
            fit_characters(other, checkpoint=path)
