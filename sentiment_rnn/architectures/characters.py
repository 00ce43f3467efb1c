"""What kind of character model: a config that checks itself, and the layers it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentiment_rnn._checks import check_choice, check_fraction, check_whole
from sentiment_rnn.architectures.config import CELLS
from sentiment_rnn.architectures.layers import MOST_PARAMETERS, LayerSpec, NetworkSpec

ARCHITECTURES = (*CELLS, "hidden-feedback", "output-feedback")
MERGE_MODES = ("concat", "sum")


@dataclass(frozen=True)
class CharacterArchitectureConfig:
    """The shape of a character language model."""

    architecture: str = field(
        default="lstm", metadata={"help": "kind of recurrent layer", "choices": ARCHITECTURES}
    )
    layers: int = field(default=2, metadata={"help": "recurrent layers on top of each other"})
    units: int = field(default=128, metadata={"help": "neurons in each recurrent layer"})
    dropout: float = field(
        default=0.0, metadata={"help": "share of a recurrent layer's outputs dropped in training"}
    )
    merge_mode: str = field(
        default="concat",
        metadata={
            "help": "how hidden-feedback puts input and state together",
            "choices": MERGE_MODES,
        },
    )

    def __post_init__(self) -> None:
        check_choice("architecture", self.architecture, ARCHITECTURES)
        check_choice("merge_mode", self.merge_mode, MERGE_MODES)
        check_whole("layers", self.layers, 1, 4)
        check_whole("units", self.units, 1)
        check_fraction("dropout", self.dropout, zero=True)
        if self.merge_mode != "concat" and self.architecture != "hidden-feedback":
            raise ValueError(
                "merge_mode is an option of hidden-feedback. Expected concat. Received: "
                f"{self.merge_mode!r}"
            )
        if self.architecture == "output-feedback" and (self.layers != 1 or self.dropout):
            raise ValueError(
                "The layer of output-feedback gives the output: there is one, without dropout. "
                f"Received: layers {self.layers}, dropout {self.dropout}"
            )


def character_network(
    config: CharacterArchitectureConfig, *, symbols: int, batch_size: int
) -> NetworkSpec:
    """The layers of a character language model.

    Each row of a batch carries its state on, so that a text is read window by window.

    Args:
        config: its shape.
        symbols: the size of the alphabet.
        batch_size: rows in a training batch.

    Returns:
        A network from one-hot symbols ``(batch, time, symbols)`` to the probability of each symbol
        to come next, of the same shape.

    Raises:
        ValueError: if the network would have more parameters than a saved one may have.

    Example:
        >>> network = character_network(CharacterArchitectureConfig(), symbols=65, batch_size=32)
        >>> network.output_shape, network.count_params()
        ((32, None, 65), 239297)

    Sources: Elman, "Finding Structure in Time", 1990, for hidden-feedback, which he has with the
    ``merge_mode`` "sum"; Jordan, "Serial Order", 1986, for output-feedback; Karpathy, "The
    Unreasonable Effectiveness of Recurrent Neural Networks", 2015.
    """
    settings = {"units": config.units, "return_sequences": True, "stateful": True}
    layers = []
    if config.architecture == "output-feedback":
        layers.append(LayerSpec("OutputFeedbackRNN", {**settings, "output_size": symbols}))
    else:
        if config.architecture in CELLS:
            recurrent = LayerSpec(CELLS[config.architecture], settings)
        elif config.merge_mode == "concat":
            recurrent = LayerSpec("HiddenFeedbackRNN", settings)
        else:
            recurrent = LayerSpec("SimpleRNN", {**settings, "activation": "relu"})
        for _ in range(config.layers):
            layers.append(recurrent)
            if config.dropout:
                layers.append(LayerSpec("Dropout", {"rate": config.dropout}))
        layers.append(LayerSpec("Dense", {"units": symbols, "activation": "softmax"}))
    network = NetworkSpec((batch_size, None, symbols), tuple(layers))
    if network.count_params() > MOST_PARAMETERS:
        raise ValueError(
            f"The network would have {network.count_params():,} parameters. Expected at most "
            f"{MOST_PARAMETERS:,}: take fewer units or layers."
        )
    return network
