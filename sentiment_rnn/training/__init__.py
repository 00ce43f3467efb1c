"""Encoded texts + a network → a trained network.

`config` says how to train, `splits` chooses what validates, `batches` feeds the network,
`callbacks` acts between batches and epochs, `fit` puts them together, and `run_log` remembers
what was trained.
"""

from sentiment_rnn.training.config import TrainingConfig

__all__ = ["TrainingConfig"]
