"""The same network in every library: word vectors → recurrent layer → all outputs → probability."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measuring import Run
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.preprocessing import Preprocessor, pad_sequences, tokenizer
from sentiment_rnn.training import TrainingConfig
from sentiment_rnn.training.fit import EncodedTexts, Task

if TYPE_CHECKING:
    import torch

# The textbook's.
BATCH_SIZE, UNITS, MAXLEN, DROPOUT, FEATURES = 32, 50, 400, 0.2, 300
NAMES = {"simple": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}


@functools.cache
def preprocessor() -> Preprocessor:
    """That of the textbook's network that comes with the package."""
    return SentimentClassifier.load("textbook").preprocessor


def network(
    cell: str, units: int = UNITS, maxlen: int = MAXLEN, features: int = FEATURES
) -> NetworkSpec:
    """The network as this package describes it."""
    config = ArchitectureConfig(cell=cell, units=units, dropout=DROPOUT)
    return sentiment_network(config, maxlen=maxlen, vector_size=features)


def masked_network(units: int) -> NetworkSpec:
    """An LSTM that reads whole reviews, skips padding and decides by its last state."""
    config = ArchitectureConfig("lstm", units, head="last", masking=True, dropout=DROPOUT)
    return sentiment_network(config, maxlen=0, vector_size=FEATURES)


def forget_tokens() -> None:
    """Makes the tokenizer as it is when a process begins: it remembers what it has seen."""
    tokenizer._tokens_of_chunks.clear()


def whole(encoder: Preprocessor) -> Preprocessor:
    """The same words, but no text is cut."""
    return Preprocessor(dataclasses.replace(encoder.config, maxlen=0), encoder.word_vectors)


def task(
    spec: NetworkSpec, encoder: Preprocessor, encoded: Sequence[np.ndarray], labels: np.ndarray
) -> Task:
    """An epoch's work for this package."""
    texts = EncodedTexts(encoded, labels[:, None].astype(np.float32))
    config = TrainingConfig(batch_size=BATCH_SIZE)
    return Task(spec, None, encoder, texts, texts, config, seed=0)


def numpy_epoch(todo: Task) -> Callable[[], None]:
    """Trains for an epoch with this package's NumPy engine."""
    from sentiment_rnn.training.numpy_engine import Trainer

    trainer, batches = Trainer(todo), todo.batches()

    def epoch() -> None:
        with trainer.gradients.at_work(BATCH_SIZE):
            for number in range(len(batches)):
                trainer.train_batch(*batches[number])

    return epoch


def keras_engine_epoch(todo: Task) -> Callable[[], Run]:
    """Trains with this package's Keras engine, and times what comes after the first epoch.

    In the first one Keras makes and compiles what it runs; how long its loops are told by its
    callbacks, so that validation isn't timed either.
    """
    import keras

    from sentiment_rnn.training.keras_engine import fit_with_keras

    class Timer(keras.callbacks.Callback):
        started = ended = 0.0

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.started = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.ended = time.perf_counter()

    # Nothing to validate on but what must be.
    validation = todo.training.take(np.arange(2))
    config = dataclasses.replace(todo.config, epochs=2)
    twice = dataclasses.replace(todo, validation=validation, config=config)

    def epoch() -> Run:
        timer = Timer()
        fit_with_keras(twice, callbacks=[timer])
        return Run(timer.ended - timer.started)

    return epoch


def next_words_epoch(
    engine: str, spec: NetworkSpec, batches: Sequence[np.ndarray], candidates: int
) -> Callable[[], None]:
    """Lets a network learn for an epoch which words come next."""
    from sentiment_rnn.numpy_rnn import initial_weights
    from sentiment_rnn.training.config import PretrainingConfig
    from sentiment_rnn.training.pretraining_learners import make_learner, recurrent_part

    read = recurrent_part(spec)
    learner = make_learner(
        read,
        initial_weights(read, np.random.default_rng(0), np.float32),
        preprocessor().embedding_matrix(),
        PretrainingConfig(engine=engine, candidates=candidates, batch_size=len(batches[0])),
        seed=0,
        dropout=DROPOUT,
        time=batches[0].shape[1],
        # As long as a pass over the reviews takes, other processes are worth their start.
        batches=1000,
    )

    def epoch() -> None:
        with learner.at_work():
            for step, ids in enumerate(batches):
                learner.learn(ids, step=step, learning_rate=0.001)

    return epoch


def torch_next_words_epoch(
    units: int, batches: Sequence[np.ndarray], candidates: int
) -> Callable[[], None]:
    """The same in torch, which has no sampled softmax: here is one, of its operations."""
    import torch

    from sentiment_rnn.numpy_rnn.next_words import Candidates

    matrix = torch.from_numpy(preprocessor().embedding_matrix())
    vectors = torch.nn.Embedding.from_pretrained(matrix, freeze=False)
    recurrent = torch.nn.LSTM(matrix.shape[1], units, batch_first=True)
    dropout, head = torch.nn.Dropout(DROPOUT), torch.nn.Linear(units, matrix.shape[1])
    words = Candidates(len(matrix), candidates)
    bias = torch.nn.Parameter(torch.from_numpy(words.log_chances))
    expected = torch.from_numpy(words.expected)
    modules = torch.nn.ModuleList([vectors, recurrent, head])
    trained = [*modules.parameters(), bias]
    optimizer = torch.optim.Adam(trained, 0.001)

    def learn(ids: torch.Tensor, drawn: torch.Tensor) -> None:
        optimizer.zero_grad()
        states, _ = recurrent(vectors(ids))
        said, targets = head(dropout(states))[:, :-1], ids[:, 1:]
        said, targets = said[targets > 0], targets[targets > 0]
        own = (said * vectors(targets)).sum(1) + bias[targets]
        others = said @ vectors(drawn).T + bias[drawn] - expected[drawn]
        others = others.masked_fill(targets[:, None] == drawn, -1e9)
        both = torch.cat([own[:, None], others], 1)
        (both.logsumexp(1) - own).mean().backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()

    def epoch() -> None:
        for step, ids in enumerate(batches):
            drawn = torch.from_numpy(words.draw([0, 1, step]).astype(np.int64))
            learn(torch.from_numpy(ids.astype(np.int64)), drawn)

    return epoch


def keras_network(
    cell: str, matrix: np.ndarray | None, maxlen: int = MAXLEN, units: int = UNITS
) -> Any:
    """Plain Keras, on whichever backend it runs.

    Args:
        cell: a key of `NAMES`.
        matrix: the vector of each id, which isn't trained. If None, the vectors are the input, as
            in the textbook.
        maxlen: ids, or vectors, of a review.
        units: of the recurrent layer.
    """
    import keras

    first = [keras.Input((maxlen, FEATURES))]
    if matrix is not None:
        embedding = keras.layers.Embedding(*matrix.shape, weights=[matrix], trainable=False)
        first = [keras.Input((maxlen,), dtype="int32"), embedding]
    recurrent = getattr(keras.layers, NAMES[cell])(units, return_sequences=True)
    dropout, flatten = keras.layers.Dropout(DROPOUT), keras.layers.Flatten()
    dense = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([*first, recurrent, dropout, flatten, dense])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def keras_masked_network(units: int, matrix: np.ndarray) -> Any:
    """`masked_network` in plain Keras, with the vector of each id in front of it."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(
                *matrix.shape, weights=[matrix], trainable=False, mask_zero=True
            ),
            keras.layers.LSTM(units),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def keras_padded_batches(encoded: Sequence[np.ndarray], labels: np.ndarray) -> Any:
    """Batches of random reviews, each filled with zeros to the longest of it."""
    import keras

    random = np.random.default_rng(0)

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(encoded) // BATCH_SIZE)

        def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
            rows = self.order[number * BATCH_SIZE : (number + 1) * BATCH_SIZE]
            ids = pad_sequences([encoded[row] for row in rows])
            return ids, labels[rows, None].astype("float32")

        def on_epoch_end(self) -> None:
            self.order = random.permutation(len(encoded))

    return Batches()


def torch_network(
    cell: str, matrix: np.ndarray, maxlen: int = MAXLEN, units: int = UNITS
) -> torch.nn.Module:
    """The same in torch, without the last sigmoid, which its loss includes."""
    import torch

    kinds = {"simple": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding.from_pretrained(torch.from_numpy(matrix))
            self.rnn = kinds[cell](matrix.shape[1], units, batch_first=True)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.dense = torch.nn.Linear(maxlen * units, 1)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            outputs, _ = self.rnn(self.embedding(ids))
            return self.dense(self.dropout(outputs).flatten(1))

    return Network()


def set_torch_weights(model: Any, weights: Sequence[np.ndarray]) -> None:
    """Gives a torch network, SimpleRNN or LSTM, the weights of this package's or Keras's."""
    import torch

    kernel, recurrent_kernel, bias, dense_kernel, dense_bias = map(torch.from_numpy, weights)
    with torch.no_grad():
        model.rnn.weight_ih_l0.copy_(kernel.T)
        model.rnn.weight_hh_l0.copy_(recurrent_kernel.T)
        model.rnn.bias_ih_l0.copy_(bias)
        model.rnn.bias_hh_l0.zero_()
        model.dense.weight.copy_(dense_kernel.T)
        model.dense.bias.copy_(dense_bias)


def torch_epoch(model: Any, ids: np.ndarray, labels: np.ndarray) -> Callable[[], None]:
    """Trains a torch network for an epoch as Keras does."""
    import torch

    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.RMSprop(trained, 0.001, alpha=0.9)
    loss = torch.nn.BCEWithLogitsLoss()
    inputs, targets = torch.from_numpy(ids), torch.from_numpy(labels[:, None].astype("float32"))

    def epoch() -> None:
        model.train()
        for rows in torch.randperm(len(inputs)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss(model(inputs[rows]), targets[rows]).backward()
            optimizer.step()

    return epoch
