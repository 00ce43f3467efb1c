"""Encoded texts + a network → a trained network.

`config` says how to train, `splits` chooses what validates and `batches` feeds the network. `fit`
holds what is the same whichever engine does the mathematics: `numpy_engine`, which takes its
`gradients` from all processors, or `keras_engine`, which asks `keras_gradients` for those by what
layers are fed with. `progress` shows how far it is, `checkpoints` keeps it for when it is
interrupted, with `keras_variables` of a Keras model. `run_log` remembers what was trained, and
`tensorboard` writes a log that TensorBoard shows.

A network may learn which word comes next before it learns classes: `pretraining`. What learns is
in `pretraining_learners`, and with Keras in `pretraining_keras`.

A character language model has batches and a loop of its own: `character_batches`,
`character_engine`. What learns is in `character_learners`.
"""

from sentiment_rnn.training.config import TrainingConfig

__all__ = ["TrainingConfig"]
