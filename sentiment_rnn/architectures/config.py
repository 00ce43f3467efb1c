"""What kind of sentiment network: a config that checks itself, and the layers it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentiment_rnn._checks import (
    check_choice,
    check_flag,
    check_fraction,
    check_positive,
    check_whole,
)
from sentiment_rnn.architectures.layers import MOST_PARAMETERS, LayerSpec, NetworkSpec

CELLS = {"simple": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
MOST_RECURRENT_LAYERS = 40
HEADS = ("flatten", "last", "mean", "max", "mean_max")


@dataclass(frozen=True)
class ArchitectureConfig:
    """The shape of a sentiment network. The defaults are the textbook's."""

    cell: str = field(
        default="simple", metadata={"help": "kind of recurrent layer", "choices": tuple(CELLS)}
    )
    units: int = field(default=50, metadata={"help": "neurons in each recurrent layer"})
    layers: int = field(default=1, metadata={"help": "recurrent layers on top of each other"})
    bidirectional: bool = field(
        default=False, metadata={"help": "read the text from both ends with a layer each"}
    )
    go_backwards: bool = field(default=False, metadata={"help": "read the text from its end"})
    stateful: bool = field(
        default=False,
        metadata={"help": "read long texts window by window and carry the state on"},
    )
    window: int = field(
        default=0, metadata={"help": "tokens in a window of a stateful network; 0 otherwise"}
    )
    head: str = field(
        default="flatten",
        metadata={
            "help": "what of the recurrent layer's outputs decides: all side by side (flatten), "
            "the last one, or their mean or maximum over time, or both",
            "choices": HEADS,
        },
    )
    masking: bool = field(default=False, metadata={"help": "skip padding instead of reading it"})
    dropout: float = field(
        default=0.2,
        metadata={"help": "share of each recurrent layer's outputs dropped in training"},
    )
    trainable_vectors: bool = field(
        default=False, metadata={"help": "train the word vectors along with the network"}
    )
    vector_length: float = field(
        default=0.0,
        metadata={
            "help": "what each word vector is scaled to in length; 0 leaves them as they are"
        },
    )

    def __post_init__(self) -> None:
        check_choice("cell", self.cell, tuple(CELLS))
        check_choice("head", self.head, HEADS)
        check_whole("units", self.units, 1)
        check_whole("layers", self.layers, 1, MOST_RECURRENT_LAYERS)
        check_whole("window", self.window, 0)
        check_fraction("dropout", self.dropout, zero=True)
        if self.vector_length != 0:
            check_positive("vector_length", self.vector_length)
        flags = ("bidirectional", "go_backwards", "stateful", "masking", "trainable_vectors")
        for flag in flags:
            check_flag(flag, getattr(self, flag))
        if self.bidirectional and self.go_backwards:
            raise ValueError("bidirectional reads from both ends already: leave go_backwards out.")
        if self.masking and self.head == "flatten":
            raise ValueError(
                "masking skips steps, and the head flatten has weights for each of them: take "
                f"another one of {', '.join(HEADS)}"
            )
        if self.masking and self.go_backwards and (self.layers > 1 or self.head != "last"):
            raise ValueError(
                "A layer that goes backwards gives its outputs in reverse, and Keras leaves the "
                "mask as it is, so that what comes next would skip other steps than the padding. "
                "With masking and go_backwards take one layer and the head last, or bidirectional."
            )
        if self.stateful and (self.bidirectional or self.go_backwards):
            raise ValueError(
                "A stateful network reads forwards: when it reads a window, those after it have "
                "not come yet. Leave bidirectional and go_backwards out."
            )
        if self.stateful != (self.window > 0):
            raise ValueError(
                "stateful and window go together: a stateful network reads windows of that many "
                f"tokens. Received stateful={self.stateful}, window={self.window}"
            )


def sentiment_network(
    config: ArchitectureConfig,
    *,
    maxlen: int,
    vector_size: int,
    batch_size: int = 32,
    classes: int = 2,
) -> NetworkSpec:
    """The layers of a sentiment network.

    Args:
        config: its shape.
        maxlen: tokens in a text, or 0 for texts of any length. A stateful network takes windows
            instead.
        vector_size: numbers in a word vector.
        batch_size: rows in a batch; only a stateful network, whose rows have a state each, is
            made for a fixed number.
        classes: how many there are to tell apart.

    Returns:
        A network from vectors ``(batch, maxlen, vector_size)`` to the probability of the second
        of two classes, ``(batch, 1)``; of more, to that of each, ``(batch, classes)``.

    Raises:
        ValueError: if the head needs a known length and there is none, or if the network would
            have more parameters than a saved one may have.

    Example:
        >>> sentiment_network(ArchitectureConfig(), maxlen=400, vector_size=300).count_params()
        37551
        >>> config = ArchitectureConfig(units=100)
        >>> sentiment_network(config, maxlen=400, vector_size=300).count_params()
        80101

    Source: Lane, Howard and Hapke, "Natural Language Processing in Action", 2019, chapter 8.
    """
    layers = [LayerSpec("Masking")] if config.masking else []
    for number in range(config.layers):
        is_last = number == config.layers - 1
        layer = LayerSpec(
            CELLS[config.cell],
            {
                "units": config.units,
                "return_sequences": not (is_last and config.head == "last"),
                # Keras gives the outputs of a layer that goes backwards in the order in which it
                # read, so that those above it read from the text's end too.
                "go_backwards": config.go_backwards and number == 0,
                "stateful": config.stateful,
            },
        )
        if config.bidirectional:
            layer = LayerSpec("Bidirectional", {"layer": layer})
        layers.append(layer)
        if config.dropout:
            layers.append(LayerSpec("Dropout", {"rate": config.dropout}))
    layers += _head(config)
    last = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    layers.append(LayerSpec("Dense", {"units": last[0], "activation": last[1]}))
    time = config.window or maxlen or None
    batch = batch_size if config.stateful else None
    network = NetworkSpec((batch, time, vector_size), tuple(layers))
    if network.count_params() > MOST_PARAMETERS:
        raise ValueError(
            f"The network would have {network.count_params():,} parameters. Expected at most "
            f"{MOST_PARAMETERS:,}: take fewer units, or a smaller maxlen."
        )
    return network


def _head(config: ArchitectureConfig) -> list[LayerSpec]:
    """What makes one vector of the recurrent layer's outputs."""
    if config.head == "last":
        return []
    if config.head == "flatten":
        return [LayerSpec("Flatten")]
    if config.masking or config.head == "mean_max":
        # Keras's own maximum ignores masks, and its mean of a text without any known word is not a
        # number.
        return [LayerSpec("MaskedPooling1D", {"mode": config.head})]
    names = {"mean": "GlobalAveragePooling1D", "max": "GlobalMaxPooling1D"}
    return [LayerSpec(names[config.head])]
