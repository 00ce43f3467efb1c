"""Configs → networks.

`config` says what kind of sentiment network and `characters` what kind of character model,
`layers` describes a network as plain data, and `transfer` says which of its layers can begin with
those of another. None of them imports Keras.

All others do: `builder` makes a Keras model of the description. `feedback` and `pooling` have the
layers that are not Keras's own, `embedded` puts word vectors in front for training, and `loops` has
the loops over time that a CPU runs faster than Keras's.
"""

from sentiment_rnn.architectures.config import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec

__all__ = ["ArchitectureConfig", "LayerSpec", "NetworkSpec", "sentiment_network"]
