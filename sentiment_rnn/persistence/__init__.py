"""Model folder ↔ objects, and the files that any Keras version saved.

Nothing that is read here runs code of whoever wrote it: `_trusted` reads JSON with limits,
`keras_json` makes a network of it layer by known layer, `keras_weights` reads the arrays that the
network asks for, and `model_folder` puts them together. `keras_writer` writes what Keras would,
and `cards` what people read. `baseline_folder` is for classifiers that count words,
`character_folder` for character language models; `folders` has what they all share.
"""

from sentiment_rnn.persistence.baseline_folder import (
    SavedBaseline,
    load_baseline,
    save_baseline,
)
from sentiment_rnn.persistence.folders import is_baseline_folder, is_model_folder
from sentiment_rnn.persistence.model_folder import SavedModel, load_model, save_model

__all__ = [
    "SavedBaseline",
    "SavedModel",
    "is_baseline_folder",
    "is_model_folder",
    "load_baseline",
    "load_model",
    "save_baseline",
    "save_model",
]
