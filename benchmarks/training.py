"""Training the textbook's network on real reviews: the NumPy engine, plain Keras, and torch.

    python -m benchmarks.training --data imdb --reviews 1600

All sides have the same network, SimpleRNN(50) on 400 ids, dropout, rmsprop, and the same texts in
batches of 32; the word vectors are not trained. They take turns, several times after a warm-up;
printed are medians and their ratio. torch is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.timing import interleaved
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.datasets import load_data
from sentiment_rnn.numpy_rnn.memory import reuse
from sentiment_rnn.numpy_rnn.threads import threads_for
from sentiment_rnn.preprocessing import Preprocessor
from sentiment_rnn.training import TrainingConfig
from sentiment_rnn.training.fit import EncodedTexts, Task
from sentiment_rnn.training.numpy_engine import Trainer

BATCH_SIZE, UNITS, MAXLEN, DROPOUT = 32, 50, 400, 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sample")
    parser.add_argument("--reviews", type=int, default=1600)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--cell", choices=("simple", "lstm", "gru"), default="simple")
    options = parser.parse_args()
    train, _ = load_data(options.data)
    train = train.limit(options.reviews, seed=0)
    preprocessor = SentimentClassifier.load().preprocessor
    encoded, labels = preprocessor.encode(train.texts), np.asarray(train.labels)
    sides = {
        "this package, NumPy engine": numpy_side(options.cell, preprocessor, encoded, labels),
        "Keras, fit": keras_side(options.cell, preprocessor, encoded, labels),
    }
    try:
        sides["torch"] = torch_side(options.cell, preprocessor, encoded, labels)
    except ImportError:
        print("torch is not installed: left out")
    for side in sides.values():
        side()
    seconds = interleaved(sides, options.repeats)
    print(f"{len(encoded):,} reviews, {options.cell}, {options.repeats} repeats, medians")
    first = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"{name:<28} {len(encoded) / value:>7,.0f} reviews/s   1 / {value / first:.2f}")


def numpy_side(
    cell: str, preprocessor: Preprocessor, encoded: Sequence[np.ndarray], labels: np.ndarray
) -> Callable[[], None]:
    texts = EncodedTexts(encoded, labels)
    architecture = ArchitectureConfig(cell=cell, units=UNITS, dropout=DROPOUT)
    size = preprocessor.word_vectors.vector_size
    network = sentiment_network(architecture, maxlen=MAXLEN, vector_size=size)
    config = TrainingConfig(batch_size=BATCH_SIZE)
    task = Task(network, None, preprocessor, texts, texts, config, seed=0)
    trainer, batches = Trainer(task), task.batches()

    def epoch() -> None:
        with reuse(), threads_for(network, BATCH_SIZE):
            for number in range(len(batches)):
                trainer.train_batch(*batches[number])

    return epoch


def keras_side(
    cell: str, preprocessor: Preprocessor, encoded: Sequence[np.ndarray], labels: np.ndarray
) -> Callable[[], object]:
    import keras

    kinds = {"simple": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    matrix = preprocessor.embedding_matrix()
    model = keras.Sequential(
        [
            keras.Input((MAXLEN,), dtype="int32"),
            keras.layers.Embedding(*matrix.shape, weights=[matrix], trainable=False),
            kinds[cell](UNITS, return_sequences=True),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    ids, targets = preprocessor.pad(encoded), labels[:, None].astype("float32")
    return lambda: model.fit(ids, targets, batch_size=BATCH_SIZE, epochs=1, verbose=0)


def torch_side(
    cell: str, preprocessor: Preprocessor, encoded: Sequence[np.ndarray], labels: np.ndarray
) -> Callable[[], None]:
    import torch

    kinds = {"simple": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    matrix = torch.from_numpy(preprocessor.embedding_matrix())

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding.from_pretrained(matrix)
            self.rnn = kinds[cell](matrix.shape[1], UNITS, batch_first=True)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.dense = torch.nn.Linear(MAXLEN * UNITS, 1)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            outputs, _ = self.rnn(self.embedding(ids))
            return self.dense(self.dropout(outputs).flatten(1))

    model = Network()
    optimizer = torch.optim.RMSprop(
        [weight for weight in model.parameters() if weight.requires_grad], 0.001, alpha=0.9
    )
    loss = torch.nn.BCEWithLogitsLoss()
    ids = torch.from_numpy(preprocessor.pad(encoded))
    targets = torch.from_numpy(labels[:, None].astype("float32"))

    def epoch() -> None:
        model.train()
        for rows in torch.randperm(len(ids)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss(model(ids[rows]), targets[rows]).backward()
            optimizer.step()

    return epoch


if __name__ == "__main__":
    main()
