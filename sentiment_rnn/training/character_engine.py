"""Training a character language model by truncated backpropagation through time.

The rows of a batch are cursors spread over the text. Each window goes on from the state in which
the last one ended; gradients go back to the beginning of the window and no further. Everything
random follows from the seed and the number of the step, so that a run that was interrupted and
continued gives the same weights as one that was not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._threads import threads_for
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.errors import DataError
from sentiment_rnn.numpy_rnn import Network, initial_weights
from sentiment_rnn.training.character_batches import CharacterBatches
from sentiment_rnn.training.character_learners import make_learner
from sentiment_rnn.training.checkpoints import (
    CheckpointWriter,
    check_task,
    fingerprint,
    from_numbered,
    has_checkpoint,
    numbered,
    read_checkpoint,
)
from sentiment_rnn.training.config import CharacterTrainingConfig
from sentiment_rnn.training.progress import Progress

# Windows between two checkpoints: some seconds of work.
CHECKPOINT_EVERY = 500
# Characters of a text that are measured at a time.
_MEASURED = 256
# Options that a run may go on with others of: no weight that it has learned depends on them.
_MAY_CHANGE = ("epochs", "sample_every")


@dataclass(frozen=True)
class CharacterTask:
    """What is to be trained, on what, and how.

    Args:
        network: the layers.
        training: ids to learn from, ``(characters,)``.
        validation: ids that tell which epoch is best, ``(characters,)``.
        config: optimizer, epochs and windows.
        seed: of initial weights and dropout.
        settings: options by name, all of JSON's types, from which the caller made the task. The
            checkpoint keeps them for `checkpoint_settings`.
    """

    network: NetworkSpec
    training: np.ndarray
    validation: np.ndarray
    config: CharacterTrainingConfig
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """A hash of all that decides what training gives, but for how long it goes on."""
        config = {**dataclasses.asdict(self.config), **dict.fromkeys(_MAY_CHANGE)}
        return fingerprint(
            [repr(self.network), config, self.seed], [self.training, self.validation]
        )


@dataclass(frozen=True)
class CharacterSample:
    """What a model wrote while it learned, and how far it had come.

    Args:
        text: what it wrote.
        epoch: in which, from 1.
        step: windows that it had learned from; None where that was not noted.
        loss: the mean training loss since the sample before, nats a character; None where that
            was not noted.
        val_loss: the validation loss, nats a character, at the end of an epoch; None within one.

    Example:
        >>> print(CharacterSample("To be", epoch=2, step=1500, loss=1.61803).heading)
        epoch 2, step 1,500, loss 1.6180
    """

    text: str
    epoch: int
    step: int | None = None
    loss: float | None = None
    val_loss: float | None = None

    @property
    def heading(self) -> str:
        """All but the text, on one line."""
        parts = [f"epoch {self.epoch:,}"]
        if self.step is not None:
            parts.append(f"step {self.step:,}")
        for name, value in (("loss", self.loss), ("validation loss", self.val_loss)):
            if value is not None:
                parts.append(f"{name} {value:.4f}")
        return ", ".join(parts)


@dataclass
class CharacterRun:
    """How far training has come, and what it gave so far.

    Args:
        weights: the network's arrays, as they were when it was last looked at.
        best: those of the epoch with the lowest validation loss.
        best_epoch: its number, from 1; 0 before the first has ended.
        step: windows that were learned from.
        history: of each epoch ``loss``, ``val_loss`` (nats a character) and ``learning_rate``.
        samples: what `fit_characters` was given to show, in the order of the steps.
    """

    weights: list[np.ndarray]
    best: list[np.ndarray]
    best_epoch: int = 0
    step: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    samples: list[CharacterSample] = field(default_factory=list)


class CharacterTrainer:
    """A character language model that learns window by window.

    Args:
        task: what is to be trained.

    Attributes:
        run: how far it has come.
    """

    def __init__(self, task: CharacterTask) -> None:
        self._task = task
        config = task.config
        rng = np.random.default_rng([task.seed, 0])
        weights = initial_weights(task.network, rng, np.float32)
        self.batches = CharacterBatches(task.training, config.batch_size, config.window)
        self._learner = make_learner(
            task.network, weights, config, task.seed, windows=len(self.batches)
        )
        self.run = CharacterRun(self._learner.weights(), weights)
        # Of the windows of the epoch so far, or of the one that has just ended.
        self._losses: list[float] = []
        # Made when there is a checkpoint to write.
        self._fingerprint: str | None = None

    @property
    def epoch(self) -> int:
        """The number of epochs that have ended, and were measured."""
        return len(self.run.history.get("loss", []))

    def train_window(self) -> float:
        """Learns from the next window.

        Returns:
            The mean cross-entropy before learning, nats a character.
        """
        task, run = self._task, self.run
        if run.step % len(self.batches) == 0:
            self._losses = []
        inputs, targets = self.batches.batch(run.step)
        rate = task.config.learning_rate_at(run.step, len(self.batches))
        loss = self._learner.learn(inputs, targets, step=run.step, learning_rate=rate)
        run.step += 1
        self._losses.append(loss)
        return loss

    def at_work(self) -> AbstractContextManager[None]:
        """What window after window is trained in."""
        return self._learner.at_work()

    def close(self) -> None:
        """Lets go of what only training needs."""
        self._learner.close()

    def measure_epoch(self) -> dict[str, float]:
        """Measures the epoch whose last window has just been learned from."""
        run, task = self.look(), self._task
        return {
            "loss": float(np.mean(self._losses)),
            "val_loss": cross_entropy(task.network, run.weights, task.validation),
            "learning_rate": task.config.learning_rate_at(run.step - 1, len(self.batches)),
        }

    def end_epoch(self, scores: Mapping[str, float]) -> None:
        """Notes what `measure_epoch` gave, and keeps the weights if they are the best."""
        run = self.look()
        is_best = scores["val_loss"] < min(run.history.get("val_loss", []), default=np.inf)
        for name, value in scores.items():
            run.history.setdefault(name, []).append(value)
        if is_best:
            run.best, run.best_epoch = [array.copy() for array in run.weights], self.epoch

    def look(self) -> CharacterRun:
        """The run with the weights as they are now."""
        self.run.weights = self._learner.weights()
        return self.run

    def owes_sample(self) -> bool:
        """Whether a sample is due of the run as it is now, and was not added yet."""
        run, every = self.run, self._task.config.sample_every
        if run.step == (run.samples[-1].step if run.samples else 0):
            return False
        if run.step % len(self.batches) == 0:
            return self._has_ended()
        return every > 0 and run.step % every == 0

    def add_sample(self, text: str) -> CharacterSample:
        """Keeps what the model writes now, with the mean training loss since the last sample."""
        run = self.run
        before = run.samples[-1].step if run.samples else None
        losses = self._losses[-(run.step - (before or 0)) :]
        val_loss = run.history["val_loss"][-1] if self._has_ended() else None
        epoch = 1 + self.batches.epoch_of(run.step - 1)
        run.samples.append(CharacterSample(text, epoch, run.step, float(np.mean(losses)), val_loss))
        return run.samples[-1]

    def _has_ended(self) -> bool:
        """Whether the last window was an epoch's last, and the epoch was measured."""
        return self.run.step == self.epoch * len(self.batches)

    def is_done(self) -> bool:
        """Whether all epochs have ended, or too many since the best."""
        config = self._task.config
        waited = self.epoch - self.run.best_epoch
        return self.epoch >= config.epochs or waited >= config.patience

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything that going on takes, as `write_checkpoint` takes it."""
        run = self.look()
        memory = {f"memory-{name}": array for name, array in self._learner.memory().items()}
        progress = {
            "fingerprint": self._made_fingerprint(),
            "settings": dict(self._task.settings),
            "step": run.step,
            "best_epoch": run.best_epoch,
            "history": run.history,
            "samples": [dataclasses.asdict(sample) for sample in run.samples],
            "losses": self._losses,
        }
        arrays = {**numbered("weight", run.weights), **numbered("best", run.best), **memory}
        return progress, arrays

    def restore(self, path: Path) -> None:
        """Goes on from where `state` was asked for.

        Args:
            path: a checkpoint of it.

        Raises:
            ModelError: if the file is no checkpoint, or one of another task.
        """
        run = self.run
        with read_checkpoint(path) as (progress, saved):
            check_task(
                path,
                progress,
                settings=self._task.settings,
                fingerprint=self._made_fingerprint(),
                may_change=_MAY_CHANGE,
            )
            self._learner.restore(
                from_numbered("weight", saved, len(run.weights)),
                {
                    key.removeprefix("memory-"): saved[key]
                    for key in saved
                    if key.startswith("memory-")
                },
            )
            run.best = from_numbered("best", saved, len(run.best))
            run.step, run.best_epoch = progress["step"], progress["best_epoch"]
            run.history = progress["history"]
            run.samples = [CharacterSample(**sample) for sample in progress["samples"]]
            self._losses = progress["losses"]

    def _made_fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = self._task.fingerprint()
        return self._fingerprint


def fit_characters(
    task: CharacterTask,
    *,
    checkpoint: Path | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
    show: Callable[[CharacterRun], str] | None = None,
    verbose: bool = False,
) -> CharacterRun:
    """Trains a character language model, or goes on with it.

    Args:
        task: what is to be trained.
        checkpoint: a file to go on from if it is there, written as training goes.
        checkpoint_every: windows between two times that it is written within an epoch.
        show: after each epoch, and every ``sample_every`` windows, makes a text of the run, which
            is kept: a sample of what it writes.
        verbose: whether to show a progress bar, and the samples, on standard error.

    Returns:
        The finished run.

    Raises:
        UsageError: if the loss is no finite number any more.
        DataError: if the text is too short.
        ModelError: if the checkpoint is of another task.
    """
    # Also when it is interrupted: a traceback may keep the trainer for long.
    with closing(CharacterTrainer(task)) as trainer:
        return _fit(trainer, task, checkpoint, checkpoint_every, show, verbose)


def _fit(
    trainer: CharacterTrainer,
    task: CharacterTask,
    checkpoint: Path | None,
    checkpoint_every: int,
    show: Callable[[CharacterRun], str] | None,
    verbose: bool,
) -> CharacterRun:
    writer = CheckpointWriter(
        checkpoint, trainer.state, advice=task.config.advice, every=checkpoint_every
    )
    if checkpoint is not None and has_checkpoint(checkpoint):
        trainer.restore(checkpoint)
    progress = None
    if verbose:
        progress = Progress(task.config.epochs, len(trainer.batches), done=trainer.epoch)

    def add_sample() -> None:
        if show is None or not trainer.owes_sample():
            return
        text = show(trainer.look())
        with writer.step():
            sample = trainer.add_sample(text)
        if progress is not None:
            progress.write(f"{sample.heading}\n{sample.text}")

    run, windows = trainer.run, len(trainer.batches)
    with writer.at_work():
        add_sample()
        while not trainer.is_done():
            begin = trainer.epoch * windows
            if progress is not None:
                progress.begin_epoch()
                progress.end_batch(run.step - begin)
            with trainer.at_work():
                while run.step < begin + windows:
                    with writer.step():
                        loss = trainer.train_window()
                    writer.after_step(loss)
                    if progress is not None:
                        progress.end_batch()
                    add_sample()
            scores = trainer.measure_epoch()
            writer.check(scores["val_loss"])
            with writer.step():
                trainer.end_epoch(scores)
            if progress is not None:
                progress.end_epoch(scores)
            add_sample()
            writer.write()
    return trainer.look()


def cross_entropy(
    network: NetworkSpec, weights: Sequence[np.ndarray], ids: np.ndarray, *, rows: int = 32
) -> float:
    """How badly a character language model predicts a text, nats a character.

    Args:
        network: the layers.
        weights: their arrays.
        ids: the text, ``(characters,)``, at least 2.
        rows: pieces of it that are read side by side, each from a state of zeros; 1 for the exact
            number of the text as a whole.

    Returns:
        The mean of ``-log p`` of each character after those before it.

    Raises:
        DataError: if there is no character to predict.
    """
    if len(ids) < 2:
        raise DataError(f"Expected a text of at least 2 characters. Received: {len(ids)}")
    spec = dataclasses.replace(network, batch_shape=(None, None, network.batch_shape[2]))
    model = Network(spec, weights)
    (table,) = model.project_inputs(np.eye(spec.batch_shape[2], dtype=np.float32))
    rows = max(1, min(rows, (len(ids) - 1) // _MEASURED))
    length = (len(ids) - 1) // rows
    total = 0.0
    # The last characters, which don't fill a row, are a row of their own.
    pieces = (0, rows, length), (rows * length, 1, len(ids) - 1 - rows * length)
    with threads_for(spec, rows):
        for start, count, size in pieces:
            model.reset_states()
            cursors = start + size * np.arange(count)[:, np.newaxis]
            for begin in range(0, size, _MEASURED):
                places = cursors + np.arange(begin, min(begin + _MEASURED, size))
                projected = table[ids[places].T].swapaxes(0, 1)
                output = model.forward_projected([projected])
                chosen = np.take_along_axis(output, ids[places + 1][..., np.newaxis], axis=2)
                chosen = np.maximum(chosen, np.finfo(np.float32).tiny)
                total -= np.log(chosen, dtype=np.float64).sum()
    return float(total) / (len(ids) - 1)
