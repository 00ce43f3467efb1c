"""Two small models of each kind, made without training, as folders to be damaged."""

from pathlib import Path

import numpy as np

from sentiment_rnn.architectures.characters import CharacterArchitectureConfig
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.persistence import SavedModel, save_model
from sentiment_rnn.persistence.character_folder import SavedCharacterModel, save_character_model
from sentiment_rnn.preprocessing import PreprocessingConfig, WordVectors
from sentiment_rnn.preprocessing.alphabet import Alphabet
from sentiment_rnn.training.config import CharacterTrainingConfig

WORDS = ("good", "bad", "film", ".")
MAXLEN, VECTOR_SIZE = 7, 3


def weights(network: NetworkSpec, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=one.shape).astype(np.float32) for one in network.weights()]


def sentiment_model(seed: int = 0) -> SavedModel:
    network = NetworkSpec(
        (None, MAXLEN, VECTOR_SIZE),
        (
            LayerSpec("SimpleRNN", {"units": 4, "return_sequences": True}),
            LayerSpec("Flatten", {}),
            LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
        ),
    )
    vectors = np.random.default_rng(seed).normal(size=(len(WORDS), VECTOR_SIZE))
    return SavedModel(
        network=network,
        weights=weights(network, seed),
        word_vectors=WordVectors(WORDS, vectors),
        preprocessing=PreprocessingConfig(maxlen=MAXLEN),
        classes=(0, 1),
        metrics={"test": {"texts": 10, "accuracy": 0.5}},
    )


def character_model(seed: int = 0) -> SavedCharacterModel:
    alphabet = Alphabet("\n abc")
    network = NetworkSpec(
        (None, None, len(alphabet)),
        (
            LayerSpec("GRU", {"units": 4, "return_sequences": True}),
            LayerSpec("Dense", {"units": len(alphabet), "activation": "softmax"}),
        ),
    )
    return SavedCharacterModel(
        network=network,
        weights=weights(network, seed),
        alphabet=alphabet,
        architecture=CharacterArchitectureConfig(architecture="gru", layers=1, units=4),
        training=CharacterTrainingConfig(),
        metrics={"bits_per_character": {"validation": 2.0}},
    )


def save(kind: str, folder: Path, seed: int = 0) -> None:
    if kind == "sentiment":
        save_model(sentiment_model(seed), folder)
    else:
        save_character_model(character_model(seed), folder)
