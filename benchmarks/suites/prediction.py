"""Prediction: from ids, with the textbook's network and with an LSTM, and from raw text.

Keras predicts in batches of 32 unless it is told otherwise; 256 suit it better.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import networks, operations
from benchmarks.measuring import Call, Comparison, Side
from benchmarks.networks import FEATURES, JAX, MAXLEN, NAMES, UNITS
from benchmarks.settings import Settings
from sentiment_rnn.numpy_rnn import initial_weights
from sentiment_rnn.numpy_rnn.prediction import Predictor


def comparisons(settings: Settings) -> list[Comparison]:
    cells = settings.size(("simple", "lstm"), ("simple",))
    return [*(_from_ids(settings, cell) for cell in cells), _from_text(settings)]


def same_probabilities(outputs: Mapping[str, Any]) -> None:
    """All sides give what the first gives.

    Raises:
        AssertionError: if they don't.
    """
    expected = next(iter(outputs.values()))
    for name, output in outputs.items():
        np.testing.assert_allclose(np.ravel(output), np.ravel(expected), atol=1e-5, err_msg=name)


@functools.cache
def _weights(cell: str) -> list[np.ndarray]:
    # How fast a network is doesn't depend on what it has learned.
    return initial_weights(networks.network(cell), np.random.default_rng(0), np.float32)


def _keras(cell: str) -> Any:
    model = networks.keras_network(cell, networks.preprocessor().embedding_matrix())
    model.set_weights([networks.preprocessor().embedding_matrix(), *_weights(cell)])
    return model


def _from_ids(settings: Settings, cell: str) -> Comparison:
    count = settings.size(4000, 60)

    @functools.cache
    def encoded() -> Sequence[np.ndarray]:
        return networks.preprocessor().encode(settings.reviews("test", count).texts)

    def here() -> Call:
        predictor = Predictor(networks.network(cell), _weights(cell), networks.preprocessor())
        return lambda: predictor.predict(encoded())

    def with_keras(batch_size: int) -> Call:
        model, ids = _keras(cell), networks.preprocessor().pad(encoded())
        return lambda: model.predict(ids, batch_size=batch_size, verbose=0)

    def with_torch(batch_size: int) -> Call:
        import torch

        model = networks.torch_network(cell, networks.preprocessor().embedding_matrix())
        networks.set_torch_weights(model, _weights(cell))
        model.eval()
        ids = torch.from_numpy(networks.preprocessor().pad(encoded()))

        def predict() -> np.ndarray:
            with torch.inference_mode():
                parts = [torch.sigmoid(model(part)) for part in ids.split(batch_size)]
            return torch.cat(parts).numpy()

        return predict

    def counted_here() -> float:
        # A token is a row of a table, and padding isn't read.
        tokens = sum(len(ids) for ids in networks.preprocessor().truncate(encoded()))
        return operations.recurrence(tokens, UNITS, cell) + operations.dense(tokens, UNITS)

    sides = [Side("this package", here, operations=counted_here)]
    kind = "RNN" if cell == "simple" else cell.upper()
    for size in (32, 256):
        batches = f"batches of {size}"
        keras_side = functools.partial(with_keras, size)
        sides += [
            Side(f"Keras on TensorFlow, {batches}", keras_side, needs=("tensorflow",)),
            Side(
                f"Keras on JAX, {batches}",
                keras_side,
                needs=("jax",),
                process="child",
                environment=JAX,
            ),
            Side(f"torch, nn.{kind}, {batches}", functools.partial(with_torch, size), ("torch",)),
        ]
    return Comparison(
        f"prediction by {NAMES[cell]}({UNITS}) from ids",
        f"probabilities of {count:,} reviews of at most {MAXLEN} ids",
        sides,
        amount=count,
        unit="reviews",
        operations=lambda: operations.reading(count, MAXLEN, FEATURES, UNITS, cell),
        check=same_probabilities,
    )


def _from_text(settings: Settings) -> Comparison:
    count = settings.size(4000, 60)

    @functools.cache
    def texts() -> list[str]:
        return settings.reviews("test", count).texts

    def here() -> Call:
        encoder = networks.preprocessor()
        predictor = Predictor(networks.network("simple"), _weights("simple"), encoder)

        def predict() -> np.ndarray:
            networks.forget_tokens()
            return predictor.predict(encoder.encode(texts()))

        return predict

    def behind_same_tokenizer() -> Call:
        model, encoder = _keras("simple"), networks.preprocessor()

        def predict() -> np.ndarray:
            networks.forget_tokens()
            ids = encoder.pad(encoder.encode(texts()))
            return model.predict(ids, batch_size=256, verbose=0)

        return predict

    def behind_nltk() -> Call:
        from nltk.tokenize import TreebankWordTokenizer

        model, encoder, tokenizer = (
            _keras("simple"),
            networks.preprocessor(),
            TreebankWordTokenizer(),
        )

        def predict() -> np.ndarray:
            tokens = map(tokenizer.tokenize, _without_tags(texts()))
            ids = encoder.pad(encoder.encode_tokens(tokens))
            return model.predict(ids, batch_size=256, verbose=0)

        return predict

    def textbook_way() -> Call:
        from benchmarks import textbook

        vectors = textbook.keyed_vectors(networks.preprocessor().word_vectors)
        model = networks.keras_network("simple", None)
        model.set_weights(_weights("simple"))
        return lambda: model.predict(
            textbook.arrays(_without_tags(texts()), vectors, MAXLEN), verbose=0
        )

    return Comparison(
        f"prediction by SimpleRNN({UNITS}) from text",
        f"probabilities of {count:,} reviews, tokenized by a tokenizer that has seen no text",
        [
            Side("this package", here),
            Side("Keras behind the same tokenizer", behind_same_tokenizer, ("tensorflow",)),
            Side("Keras behind nltk's tokenizer", behind_nltk, ("tensorflow", "nltk")),
            Side("the textbook's way", textbook_way, ("tensorflow", "nltk", "gensim")),
        ],
        amount=count,
        unit="reviews",
        operations=None,
        check=same_probabilities,
    )


def _without_tags(texts: Sequence[str]) -> list[str]:
    """So that nltk makes the same tokens as this package, which takes tags for line breaks."""
    return [text.replace("<br />", "\n") for text in texts]
