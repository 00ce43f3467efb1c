"""Encoded texts + a network → a trained network.

`config` says how to train, `splits` chooses what validates and `batches` feeds the network. `fit`
holds what is the same whichever engine does the mathematics, `keras_engine` or `numpy_engine`,
which takes its `gradients` from all processors;
`progress` shows how far it is, and `run_log` remembers what was trained.

A character language model has batches and a loop of its own: `character_batches`,
`character_engine`.
"""

from sentiment_rnn.training.config import TrainingConfig

__all__ = ["TrainingConfig"]
