"""Configs → networks.

`config` says what kind of sentiment network, `layers` describes a network as plain data and
`builder` makes a Keras model of the description. Only `builder` imports Keras.
"""

from sentiment_rnn.architectures.config import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec

__all__ = ["ArchitectureConfig", "LayerSpec", "NetworkSpec", "sentiment_network"]
