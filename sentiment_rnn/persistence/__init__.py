"""Model folder ↔ objects, and the files that any Keras version saved.

Nothing that is read here runs code of whoever wrote it: `sentiment_rnn._trusted` reads JSON with
limits, `keras_json` makes a network of it layer by known layer, and `keras_weights` reads the
arrays that the network asks for. `keras_writer` writes what Keras would, and `cards` what people
read of a model.

`model_folder` puts them together for networks that classify, `baseline_folder` for classifiers that
count words and `character_folder` for character language models; `folders` has what all three have
in common. `onnx_writer` writes a model for runtimes in other languages.
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
