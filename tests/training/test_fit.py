"""What both engines do alike."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.builder import build_network, with_embedding
from sentiment_rnn.errors import ModelError, UsageError
from sentiment_rnn.training import checkpoints
from sentiment_rnn.training.batches import TextBatches
from sentiment_rnn.training.checkpoints import CheckpointWriter, read_checkpoint
from sentiment_rnn.training.fit import BestEpoch, Task, with_vectors
from sentiment_rnn.training.numpy_engine import fit_with_numpy
from tests.training.tasks import (
    ENGINES,
    STATEFUL,
    VECTORS,
    accuracy,
    make_task,
    texts,
    texts_of_three,
)

both_engines = pytest.mark.parametrize("fit", ENGINES.values(), ids=ENGINES.keys())
some_networks = pytest.mark.parametrize("architecture", [{}, STATEFUL], ids=["whole", "windows"])


@both_engines
@pytest.mark.parametrize("adversarial", [0.0, 0.1])
def test_dropout_is_applied_in_training_alone(fit, adversarial):
    settings = {"learning_rate": 1e-9, "epochs": 1, "adversarial": adversarial}
    without, with_dropout = (
        fit(make_task(64, architecture={"dropout": rate}, **settings)).history for rate in (0, 0.9)
    )
    assert without["val_loss"] == pytest.approx(with_dropout["val_loss"], abs=1e-6)
    assert abs(without["loss"][0] - with_dropout["loss"][0]) > 0.1


@both_engines
@pytest.mark.parametrize(
    "architecture",
    [
        {},
        {"cell": "lstm", "head": "last", "masking": True},
        {"cell": "gru", "head": "last", "masking": True, "maxlen": 0},
        {"bidirectional": True, "head": "max"},
        {"go_backwards": True},
        STATEFUL,
    ],
)
def test_it_learns_and_every_weight_moves(fit, architecture):
    task = make_task(200, architecture=architecture, epochs=8)
    before = [array.copy() for array in task.weights]
    result = fit(task)
    for old, given, new in zip(before, task.weights, result.weights, strict=True):
        assert (old != new).any()
        np.testing.assert_array_equal(old, given)
    assert accuracy(task, result.weights, texts(50, seed=2)) > 0.9


@both_engines
@pytest.mark.parametrize(
    "architecture", [{}, {"cell": "gru", "head": "last", "masking": True, "maxlen": 0}, STATEFUL]
)
def test_it_learns_three_classes(fit, architecture):
    data = texts_of_three(240), texts_of_three(33, seed=1)
    task = make_task(*data, architecture=architecture, epochs=8)
    assert task.loss == "categorical_crossentropy"
    result = fit(task)
    assert accuracy(task, result.weights, texts_of_three(60, seed=2)) > 0.85
    assert accuracy(task, result.weights, task.validation) == pytest.approx(
        max(result.history["val_accuracy"])
    )


@some_networks
def test_both_engines_take_the_same_steps_with_three_classes(architecture):
    data = texts_of_three(64), texts_of_three(33, seed=1)
    taught = data[0].targets * 0.8 + 0.2 / 3  # as a teacher says it
    soft = type(data[0])(data[0].encoded, taught)
    for training in (data[0], soft):
        results = [
            fit(make_task(training, data[1], architecture=architecture, epochs=2))
            for fit in ENGINES.values()
        ]
        for name, values in results[0].history.items():
            np.testing.assert_allclose(results[1].history[name], values, rtol=2e-4)
        for one, other in zip(results[0].weights, results[1].weights, strict=True):
            np.testing.assert_allclose(one, other, atol=2e-4)


@both_engines
@some_networks
def test_the_same_seed_gives_the_same_numbers(fit, architecture):
    def run(seed):
        task = make_task(architecture={**architecture, "dropout": 0.3}, weights=None, seed=seed)
        return fit(task)

    first, again, other = run(3), run(3), run(4)
    assert first.history == again.history != other.history
    for one, two, three in zip(first.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, two)
        assert (one != three).any()


@both_engines
@some_networks
def test_the_reported_accuracy_is_that_of_the_final_network(fit, architecture):
    task = make_task(architecture=architecture)
    result = fit(task)
    final = accuracy(task, result.weights, task.validation)
    assert final == pytest.approx(max(result.history["val_accuracy"]))


@both_engines
@pytest.mark.parametrize(("epochs", "patience"), [(6, 9), (30, 3)])
def test_it_ends_with_the_best_epoch_whether_it_stops_early_or_not(fit, epochs, patience):
    # Texts of chance: what is learned of them says nothing about others.
    random = np.random.default_rng(1)
    chance = texts(40)
    chance.targets[:, 0] = random.integers(0, 2, 40)
    task = make_task(chance, epochs=epochs, patience=patience, learning_rate=0.1)
    result = fit(task)
    accuracies = result.history["val_accuracy"]
    best = int(np.argmax(accuracies))
    assert len(accuracies) == min(epochs, best + 1 + patience)
    assert accuracies.count(max(accuracies)) < len(accuracies)
    assert result.best_epoch == best + 1
    assert accuracy(task, result.weights, task.validation) == pytest.approx(max(accuracies))


@both_engines
def test_weights_that_training_goes_on_from_stay_if_nothing_is_better(fit):
    task = make_task(initial_accuracy=1.0)
    result = fit(task)
    assert result.best_epoch == 0
    for old, new in zip(task.weights, result.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@both_engines
def test_trained_vectors_come_back(fit):
    task = make_task(epochs=1, trainable_vectors=True)
    result = fit(task)
    assert not result.vectors[0].any()
    assert (result.vectors[1:] != VECTORS.matrix()).any()
    np.testing.assert_array_equal(task.preprocessor.embedding_matrix()[1:], VECTORS.matrix())
    final = task.validate(result.weights, result.vectors)
    assert final["val_loss"] == pytest.approx(result.history["val_loss"][0], rel=1e-5)
    assert final != task.validate(result.weights, None)
    assert fit(make_task(epochs=1)).vectors is None


# Going on

TRAININGS: dict[str, dict[str, Any]] = {
    "dropout": {"architecture": {"dropout": 0.3}, "epochs": 4, "patience": 2},
    "windows": {"architecture": {**STATEFUL, "dropout": 0.3}},
    "trained vectors": {
        "architecture": {
            **{"cell": "lstm", "bidirectional": True, "head": "mean_max", "masking": True},
            "dropout": 0.3,
        },
        "trainable_vectors": True,
        "optimizer": "adam",
        "schedule": "cosine",
        "word_dropout": 0.2,
    },
}


class Interruption:
    """Interrupts a training after some of its steps, or where an epoch is measured."""

    def __init__(self, monkeypatch):
        self._monkeypatch = monkeypatch

    def run(self, stop, fit, task, path):
        counted = [0]
        after_step, validate = CheckpointWriter.after_step, Task.validate

        def interrupt(writer, loss):
            after_step(writer, loss)
            counted[0] += 1
            if counted[0] == stop:
                raise KeyboardInterrupt

        def interrupt_validation(*arguments):
            raise KeyboardInterrupt

        with self._monkeypatch.context() as patch:
            patch.setattr(CheckpointWriter, "after_step", interrupt)
            patch.setattr(Task, "validate", interrupt_validation if stop is None else validate)
            with pytest.raises(KeyboardInterrupt):
                fit(task, checkpoint=path)


@pytest.fixture
def interruption(monkeypatch):
    return Interruption(monkeypatch)


def same(one, other):
    assert one.history == other.history
    assert list(one.history) == list(other.history)
    assert one.best_epoch == other.best_epoch
    vectors = [[] if result.vectors is None else [result.vectors] for result in (one, other)]
    arrays = zip([*one.weights, *vectors[0]], [*other.weights, *vectors[1]], strict=True)
    for mine, others in arrays:
        np.testing.assert_array_equal(mine, others)


@both_engines
@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_that_goes_on_equals_an_unbroken_one(tmp_path, interruption, fit, name):
    task = make_task(45, weights=None, seed=3, **TRAININGS[name])
    expected = fit(task)
    path = tmp_path / "checkpoint"
    # In the midst of an epoch, twice; after its last batch; where it is measured; and in the next.
    stops = [4, 1, len(task.batches()) - 5, None, 3]
    if fit is ENGINES["keras"]:
        # Each time it compiles anew.
        stops = [4, len(task.batches()) - 4, None]
    for stop in stops:
        interruption.run(stop, fit, task, path)
    same(fit(task, checkpoint=path), expected)
    # Nothing is left to do.
    interruption.run(None, fit, make_task(45, weights=None, seed=4), tmp_path / "other")
    same(fit(task, checkpoint=path), expected)


@both_engines
def test_a_training_goes_on_from_trained_weights(tmp_path, interruption, fit):
    task = make_task(45, initial_accuracy=0.7, learning_rate=1e-9)
    interruption.run(9, fit, task, tmp_path / "checkpoint")
    result = fit(task, checkpoint=tmp_path / "checkpoint")
    same(result, fit(task))
    assert result.best_epoch == 0


@both_engines
def test_more_epochs_may_be_asked_for(tmp_path, fit):
    path = tmp_path / "checkpoint"
    fit(make_task(45, epochs=1, patience=9), checkpoint=path)
    more = make_task(45, epochs=3, patience=9)
    same(fit(more, checkpoint=path), fit(more))
    cosine = make_task(45, epochs=1, schedule="cosine")
    fit(cosine, checkpoint=tmp_path / "cosine")
    with pytest.raises(ModelError, match="cosine is a checkpoint of other data, settings or an"):
        fit(make_task(45, epochs=2, schedule="cosine"), checkpoint=tmp_path / "cosine")


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "checkpoint"
    task = make_task(45, epochs=1, architecture={"dropout": 0.3})
    fit_with_numpy(task, checkpoint=path)
    before = path.read_bytes()
    other_labels = texts(45)
    other_labels.targets[0] = 1 - other_labels.targets[0]
    others = [
        {"seed": 1},
        {"training": 44},
        {"training": other_labels},
        {"validation": 32},
        {"learning_rate": 0.02},
        {"batch_size": 9},
        {"architecture": {"dropout": 0.4}},
        {"weights": None},
        {"trainable_vectors": True},
        {"initial_accuracy": 0.5},
    ]
    for other in others:
        changed = {"training": 45, "epochs": 1, "architecture": {"dropout": 0.3}, **other}
        with pytest.raises(ModelError, match="checkpoint is a checkpoint of other data, settings"):
            fit_with_numpy(make_task(**changed), checkpoint=path)
    assert path.read_bytes() == before
    settings = {"units": 5, "epochs": 1}
    fit_with_numpy(dataclasses.replace(task, settings=settings), checkpoint=tmp_path / "named")
    settings = {"units": 6, "epochs": 1}
    with pytest.raises(ModelError, match="Expected units 5, as it began; only epochs may.*: 6$"):
        fit_with_numpy(dataclasses.replace(task, settings=settings), checkpoint=tmp_path / "named")


@both_engines
def test_a_loss_that_is_no_number_stops_and_keeps_what_was_finite(
    tmp_path, monkeypatch, interruption, fit
):
    path = tmp_path / "checkpoint"
    task = make_task(45, epochs=3)
    interruption.run(8, fit, task, path)
    before = path.read_bytes()
    # A word of the second epoch that is no number makes all that is learned from it none.
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "SECONDS", 0)
        spoil(patch)
        with pytest.raises(UsageError, match="The loss is nan: training diverges.*than 0.01\\.\n"):
            fit(task, checkpoint=path)
    with read_checkpoint(path) as (progress, saved):
        assert (progress["epoch"], progress["batch"]) >= (1, 2)
        assert all(np.isfinite(array).all() for array in saved.values())
    assert path.read_bytes() != before
    same(fit(task, checkpoint=path), fit(task))


def spoil(patch):
    """Lets labels from the fifth batch of the second epoch on be no numbers."""
    get = TextBatches.__getitem__

    def getitem(batches, number):
        ids, labels = get(batches, number)
        return ids, labels * (np.nan if batches._epoch == 1 and number >= 4 else 1)

    patch.setattr(TextBatches, "__getitem__", getitem)


@both_engines
def test_what_is_called_after_each_epoch_sees_its_scores_and_may_stop(fit):
    seen = []

    def after_epoch(epoch, scores):
        seen.append((epoch, dict(scores)))
        return epoch == 2

    result = fit(make_task(epochs=5), after_epoch=after_epoch)
    assert [epoch for epoch, _ in seen] == [1, 2]
    for name, values in result.history.items():
        assert [scores[name] for _, scores in seen] == pytest.approx(values)
    assert set(result.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}


@both_engines
def test_it_is_called_after_the_epoch_that_ends_training_too(fit):
    seen = []
    task = make_task(epochs=9, patience=2, initial_accuracy=1.0)
    result = fit(task, after_epoch=lambda epoch, scores: seen.append(epoch))
    assert seen == [1, 2]
    assert len(result.history["loss"]) == 2


@both_engines
def test_progress_goes_to_standard_error(fit, capsys):
    fit(make_task(epochs=2), verbose=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch 2/2: 100%" in captured.err
    assert "val_accuracy=" in captured.err


def test_validation_is_what_keras_measures():
    task = make_task(architecture={"head": "last", "masking": True}, validation=50)
    model = with_embedding(
        build_network(task.network, task.weights), task.preprocessor.embedding_matrix()
    )
    model.compile(loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    ids = task.preprocessor.pad(task.validation.encoded)
    loss, right = model.evaluate(ids, task.validation.targets, verbose=0)
    found = task.validate(task.weights, None)
    assert found == {
        "val_loss": pytest.approx(loss, abs=1e-6),
        "val_accuracy": pytest.approx(right, abs=1e-6),
    }
    keras.backend.clear_session()


def test_best_epoch_keeps_copies_and_what_training_began_with():
    weights = [np.zeros(2)]
    best = BestEpoch(patience=1, accuracy=0.5, weights=[np.full(2, 9.0)])
    assert best.end_epoch(0.5, 0.1, weights)
    assert (best.epoch, best.weights[0].tolist()) == (0, [9, 9])
    assert not best.end_epoch(0.6, 0.7, weights)
    weights[0] += 1
    assert best.end_epoch(0.6, 0.7, weights)
    assert (best.epoch, best.weights[0].tolist()) == (2, [0, 0])
    # Few texts tell epochs apart by their loss only.
    assert not best.end_epoch(0.6, 0.65, weights)
    assert (best.epoch, best.weights[0].tolist()) == (4, [1, 1])
    assert best.end_epoch(0.5, 0.1, weights)
    assert best.epoch == 4


def test_other_vectors_for_the_same_words():
    task = make_task()
    vectors = np.ones((31, 6), np.float32)
    changed = with_vectors(task.preprocessor, vectors)
    assert changed.word_vectors.words == VECTORS.words
    assert changed.config == task.preprocessor.config
    np.testing.assert_array_equal(changed.embedding_matrix()[1:], vectors[1:])
    assert not changed.embedding_matrix()[0].any()
