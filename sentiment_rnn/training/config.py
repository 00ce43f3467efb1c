"""How a network is trained: a config that checks itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, pi

from sentiment_rnn._checks import (
    check_choice,
    check_flag,
    check_fraction,
    check_positive,
    check_whole,
)

OPTIMIZERS = ("rmsprop", "adam", "adagrad", "adadelta", "sgd")
VALIDATE_BY = ("random", "film")
ENGINES = ("keras", "numpy")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "bfloat16", "auto")


@dataclass(frozen=True)
class TrainingConfig:
    """Engine, optimizer, batches, epochs and validation. The defaults are the textbook's."""

    engine: str = field(
        default="keras",
        metadata={
            "help": "what trains: Keras, or NumPy alone, which is faster for small networks on a "
            "CPU",
            "choices": ENGINES,
        },
    )
    optimizer: str = field(
        default="rmsprop", metadata={"help": "Keras optimizer", "choices": OPTIMIZERS}
    )
    learning_rate: float = field(default=0.001, metadata={"help": "step size of the optimizer"})
    schedule: str = field(
        default="constant",
        metadata={
            "help": "whether the learning rate stays, or falls to 0 along half a cosine",
            "choices": SCHEDULES,
        },
    )
    word_dropout: float = field(
        default=0.0,
        metadata={"help": "share of the words of each text that are skipped in training"},
    )
    adversarial: float = field(
        default=0.0,
        metadata={
            "help": "learn from each text a second time, with its words moved this far to where "
            "it misleads most: their vectors by Keras, and what the first layer makes of them "
            "by NumPy, in twice the time"
        },
    )
    epochs: int = field(default=2, metadata={"help": "passes over the training part"})
    batch_size: int = field(default=32, metadata={"help": "texts in a training step"})
    validation_fraction: float = field(
        default=0.2, metadata={"help": "share of the texts kept out of training"}
    )
    precision: str = field(
        default="float32",
        metadata={
            "help": "type in which Keras's products are computed on a CPU: bfloat16 is faster for "
            "hundreds of units where the processor has it, and auto takes it there; weights and "
            "all else stay float32",
            "choices": PRECISIONS,
        },
    )
    validate_by: str = field(
        default="random",
        metadata={
            "help": "choose the validation part text by text, or film by film, so that no film is "
            "on both sides",
            "choices": VALIDATE_BY,
        },
    )
    patience: int = field(
        default=3,
        metadata={
            "help": "epochs without a better validation accuracy, or as good a one and a lower "
            "loss, before training stops"
        },
    )
    temperature_scaling: bool = field(
        default=False,
        metadata={
            "help": "in the end divide the log odds by the temperature that fits the validation "
            "part, so that probabilities are as sure as they are right"
        },
    )

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_fraction("word_dropout", self.word_dropout, zero=True)
        check_choice("validate_by", self.validate_by, VALIDATE_BY)
        check_whole("epochs", self.epochs, 1)
        check_whole("batch_size", self.batch_size, 1)
        check_whole("patience", self.patience, 1)
        check_flag("temperature_scaling", self.temperature_scaling)
        check_fraction("validation_fraction", self.validation_fraction, zero=False)
        check_positive("learning_rate", self.learning_rate)
        check_positive("adversarial", self.adversarial, zero=True)

    @property
    def advice(self) -> str:
        """What to try where training diverges."""
        return f"Try a lower learning_rate than {self.learning_rate}."

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step.

        Args:
            step: batches that were learned from before.
            steps: batches of all epochs together.

        Example:
            >>> config = TrainingConfig(learning_rate=0.1, schedule="cosine")
            >>> [round(config.learning_rate_at(step, 4), 4) for step in range(5)]
            [0.1, 0.0854, 0.05, 0.0146, 0.0]

        Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts",
        2017, equation 5; Keras, ``CosineDecay``.
        """
        if self.schedule == "constant":
            return self.learning_rate
        return _cosine(self.learning_rate, step, steps)


@dataclass(frozen=True)
class PretrainingConfig:
    """How a network learns which word comes next, before it learns to classify."""

    engine: str = field(
        default="numpy",
        metadata={
            "help": "what trains: NumPy alone, which is faster on a CPU, or Keras",
            "choices": ENGINES,
        },
    )
    epochs: int = field(default=10, metadata={"help": "passes over the texts"})
    batch_size: int = field(default=64, metadata={"help": "texts in a training step"})
    learning_rate: float = field(
        default=0.003, metadata={"help": "of Adam; it falls to 0 along half a cosine"}
    )
    clip_norm: float = field(
        default=1.0, metadata={"help": "largest norm of all gradients together"}
    )
    candidates: int = field(
        default=500,
        metadata={"help": "other words that each next word is told from in a training step"},
    )
    precision: str = field(
        default="auto",
        metadata={
            "help": "type in which Keras's products are computed on a CPU: bfloat16, float32, or "
            "auto, which takes bfloat16 for hundreds of units where the processor has it",
            "choices": PRECISIONS,
        },
    )
    held_out: float = field(
        default=0.01, metadata={"help": "share of the texts kept to measure on"}
    )

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        for name in ("epochs", "batch_size", "candidates"):
            check_whole(name, getattr(self, name), 1)
        for name in ("learning_rate", "clip_norm"):
            check_positive(name, getattr(self, name))
        check_choice("precision", self.precision, PRECISIONS)
        check_fraction("held_out", self.held_out, zero=False)

    @property
    def advice(self) -> str:
        """What to try where training diverges."""
        return _clipping_advice(self.learning_rate, self.clip_norm)

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step: half a cosine, as of `TrainingConfig`.

        Args:
            step: batches that were learned from before.
            steps: batches of all epochs together.
        """
        return _cosine(self.learning_rate, step, steps)


@dataclass(frozen=True)
class CharacterTrainingConfig:
    """Optimizer, windows, epochs and validation of a character language model."""

    engine: str = field(
        default="numpy", metadata={"help": "what it is trained with", "choices": ENGINES}
    )
    optimizer: str = field(
        default="adam", metadata={"help": "Keras optimizer", "choices": OPTIMIZERS}
    )
    learning_rate: float = field(default=0.002, metadata={"help": "step size of the optimizer"})
    learning_rate_decay: float = field(
        default=0.95,
        metadata={"help": "what the learning rate is multiplied with each time that it falls"},
    )
    decay_after: int = field(
        default=5,
        metadata={"help": "epochs, or times decay_steps, that the learning rate stays as it is"},
    )
    decay_steps: int = field(
        default=0, metadata={"help": "windows between two falls of the learning rate; 0: an epoch"}
    )
    clip_norm: float = field(
        default=5.0, metadata={"help": "longest that all gradients together may be"}
    )
    epochs: int = field(default=20, metadata={"help": "passes over the training part"})
    batch_size: int = field(default=32, metadata={"help": "places of the text read side by side"})
    window: int = field(default=64, metadata={"help": "characters that gradients go back through"})
    validation_fraction: float = field(
        default=0.1, metadata={"help": "share of the text, at its end, kept out of training"}
    )
    patience: int = field(
        default=5, metadata={"help": "epochs without a lower validation loss before it stops"}
    )
    sample_every: int = field(
        default=0,
        metadata={"help": "windows between two samples, besides the one after each epoch; 0: none"},
    )
    shuffle_lines: bool = field(
        default=False,
        metadata={"help": "mix the lines, where their order means nothing: a sorted list of names"},
    )

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        for name in ("epochs", "batch_size", "window", "patience"):
            check_whole(name, getattr(self, name), 1)
        for name in ("decay_after", "decay_steps", "sample_every"):
            check_whole(name, getattr(self, name), 0)
        check_fraction("validation_fraction", self.validation_fraction, zero=False)
        check_positive("learning_rate", self.learning_rate)
        check_positive("learning_rate_decay", self.learning_rate_decay)
        if self.learning_rate_decay > 1:
            raise ValueError(
                "learning_rate_decay must be above 0 and at most 1: the rate falls. Received: "
                f"{self.learning_rate_decay!r}"
            )
        check_positive("clip_norm", self.clip_norm)
        check_flag("shuffle_lines", self.shuffle_lines)

    @property
    def advice(self) -> str:
        """What to try where training diverges."""
        return _clipping_advice(self.learning_rate, self.clip_norm)

    def learning_rate_at(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate of a step: a staircase that falls every ``decay_steps`` windows.

        Args:
            step: windows that were learned from before.
            steps_per_epoch: windows in an epoch, between two falls where ``decay_steps`` is 0.

        Example:
            >>> config = CharacterTrainingConfig(learning_rate=0.1, learning_rate_decay=0.5)
            >>> [config.learning_rate_at(step, 100) for step in (0, 599, 600, 700)]
            [0.1, 0.1, 0.05, 0.025]
            >>> config = CharacterTrainingConfig(
            ...     learning_rate=0.1, learning_rate_decay=0.5, decay_steps=30, decay_after=1)
            >>> [config.learning_rate_at(step, 100) for step in (0, 59, 60, 90)]
            [0.1, 0.1, 0.05, 0.025]

        Source: Keras, ``ExponentialDecay`` with ``staircase=True``.
        """
        falls = step // (self.decay_steps or steps_per_epoch) - self.decay_after
        return self.learning_rate * self.learning_rate_decay ** max(0, falls)


def _cosine(learning_rate: float, step: int, steps: int) -> float:
    return learning_rate * 0.5 * (1 + cos(pi * step / steps))


def _clipping_advice(learning_rate: float, clip_norm: float) -> str:
    return f"Try a lower learning_rate than {learning_rate}, or a lower clip_norm than {clip_norm}."
