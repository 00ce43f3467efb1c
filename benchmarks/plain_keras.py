"""The textbook's network with nltk, dense batches and plain Keras, from reviews to test accuracy.

``python -m benchmarks.plain_keras DATA WORD_VECTORS MODEL`` does what ``sentiment-rnn train`` does,
with the same reviews, word vectors and settings. As vectors of all reviews don't fit into memory,
those of a batch are made when it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import networks, textbook
from benchmarks.networks import BATCH_SIZE, FEATURES, MAXLEN
from sentiment_rnn.datasets import load_data
from sentiment_rnn.preprocessing import WordVectors

EPOCHS, VALIDATION = 2, 0.2


def main(data: str, word_vectors: str, model_file: str) -> None:
    import keras
    from gensim.models import KeyedVectors
    from nltk.tokenize import TreebankWordTokenizer

    train, test = load_data(data)
    vectors = textbook.keyed_vectors(WordVectors.load(Path(word_vectors)))
    tokenize = TreebankWordTokenizer().tokenize

    class Batches(keras.utils.PyDataset):
        def __init__(self, texts: Sequence[str], labels: np.ndarray, keyed: KeyedVectors) -> None:
            super().__init__()
            # Tokenized once, and not in every epoch.
            self.tokens = [
                [token for token in tokenize(text) if token in keyed][:MAXLEN] for text in texts
            ]
            self.labels, self.keyed = labels[:, None].astype("float32"), keyed

        def __len__(self) -> int:
            return -(-len(self.tokens) // BATCH_SIZE)

        def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
            rows = slice(number * BATCH_SIZE, (number + 1) * BATCH_SIZE)
            tokens, labels = self.tokens[rows], self.labels[rows]
            inputs = np.zeros((len(tokens), MAXLEN, FEATURES), "float32")
            for row, words in enumerate(tokens):
                if words:
                    inputs[row, : len(words)] = self.keyed[words]
            return inputs, labels

    order = np.random.default_rng(0).permutation(len(train.texts))
    split = round(len(order) * VALIDATION)
    learned, validated = (
        Batches([train.texts[row] for row in rows], train.labels[rows], vectors)
        for rows in (order[split:], order[:split])
    )
    model = networks.keras_network("simple", None)
    model.fit(learned, validation_data=validated, epochs=EPOCHS, verbose=0)
    tested = train if test is None else test
    _, accuracy = model.evaluate(Batches(tested.texts, tested.labels, vectors), verbose=0)
    model.save(model_file)
    print(accuracy)


if __name__ == "__main__":
    main(*sys.argv[1:])
