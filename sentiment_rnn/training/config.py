"""How a network is trained: a config that checks itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentiment_rnn._checks import check_choice, check_fraction, check_whole

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
        rate = self.learning_rate
        if not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 < rate < 1e3:
            raise ValueError(f"learning_rate must be above 0. Received: {rate!r}")
