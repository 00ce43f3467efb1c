"""How a network is trained: a config that checks itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentiment_rnn._checks import check_choice, check_fraction, check_positive, check_whole

OPTIMIZERS = ("rmsprop", "adam", "adagrad", "adadelta", "sgd")
VALIDATE_BY = ("random", "film")
ENGINES = ("keras", "numpy")


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
    epochs: int = field(default=2, metadata={"help": "passes over the training part"})
    batch_size: int = field(default=32, metadata={"help": "texts in a training step"})
    validation_fraction: float = field(
        default=0.2, metadata={"help": "share of the texts kept out of training"}
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
        metadata={"help": "epochs without a better validation accuracy before training stops"},
    )

    def __post_init__(self) -> None:
        check_choice("engine", self.engine, ENGINES)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("validate_by", self.validate_by, VALIDATE_BY)
        check_whole("epochs", self.epochs, 1)
        check_whole("batch_size", self.batch_size, 1)
        check_whole("patience", self.patience, 1)
        check_fraction("validation_fraction", self.validation_fraction, zero=False)
        check_positive("learning_rate", self.learning_rate)


@dataclass(frozen=True)
class CharacterTrainingConfig:
    """Optimizer, windows, epochs and validation of a character language model."""

    optimizer: str = field(
        default="adam", metadata={"help": "Keras optimizer", "choices": OPTIMIZERS}
    )
    learning_rate: float = field(default=0.002, metadata={"help": "step size of the optimizer"})
    learning_rate_decay: float = field(
        default=0.95, metadata={"help": "what the learning rate is multiplied with each epoch"}
    )
    decay_after: int = field(
        default=5, metadata={"help": "epochs before the learning rate begins to fall"}
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

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        for name in ("epochs", "batch_size", "window", "patience"):
            check_whole(name, getattr(self, name), 1)
        check_whole("decay_after", self.decay_after, 0)
        check_fraction("validation_fraction", self.validation_fraction, zero=False)
        check_positive("learning_rate", self.learning_rate)
        check_positive("learning_rate_decay", self.learning_rate_decay)
        check_positive("clip_norm", self.clip_norm)

    def learning_rate_in(self, epoch: int) -> float:
        """The learning rate of an epoch, numbered from 0.

        Example:
            >>> config = CharacterTrainingConfig(learning_rate=0.1, learning_rate_decay=0.5)
            >>> [config.learning_rate_in(epoch) for epoch in (0, 5, 6, 7)]
            [0.1, 0.1, 0.05, 0.025]
        """
        return self.learning_rate * self.learning_rate_decay ** max(0, epoch - self.decay_after)
