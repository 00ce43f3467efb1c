"""An epoch of training: from ids, where the mathematics is compared, and from texts, all of it.

All sides have the textbook's network, 400 ids of a review, dropout and rmsprop, and the same
reviews in batches of 32; the word vectors aren't trained.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks import networks, operations
from benchmarks.machine import numpy_gflops
from benchmarks.measuring import Call, Comparison, Result, Side
from benchmarks.networks import BATCH_SIZE, FEATURES, JAX, MAXLEN, NAMES, UNITS
from benchmarks.settings import Settings
from sentiment_rnn.architectures import sentiment_network
from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.datasets import Reviews
from sentiment_rnn.preprocessing import pad_sequences
from sentiment_rnn.presets import PRESETS
from sentiment_rnn.training.fit import Task


def comparisons(settings: Settings) -> list[Comparison]:
    cells = settings.size(("simple", "lstm"), ("simple",))
    found = [_from_ids(settings, cell) for cell in cells]
    return [*found, _masked(settings), _next_words(settings), _from_texts(settings)]


def _from_ids(settings: Settings, cell: str) -> Comparison:
    count = settings.size(1600, 96)

    def data() -> tuple[Sequence[np.ndarray], np.ndarray]:
        reviews = settings.reviews("train", count)
        return networks.preprocessor().encode(reviews.texts), reviews.labels

    @functools.cache
    def task() -> Task:
        return networks.task(networks.network(cell), networks.preprocessor(), *data())

    def with_keras() -> Call:
        model = networks.keras_network(cell, networks.preprocessor().embedding_matrix())
        encoded, labels = data()
        ids, targets = networks.preprocessor().pad(encoded), labels[:, None].astype("float32")
        return lambda: model.fit(ids, targets, batch_size=BATCH_SIZE, epochs=1, verbose=0)

    def with_torch() -> Call:
        encoded, labels = data()
        matrix = networks.preprocessor().embedding_matrix()
        ids = networks.preprocessor().pad(encoded)
        return networks.torch_epoch(networks.torch_network(cell, matrix), ids, labels)

    def counted_here() -> float:
        batches = task().batches()
        rows = [batches[number][0] for number in range(len(batches))]
        distinct = sum(len(np.unique(ids)) for ids in rows)
        # The gradients of all places of a word are added up.
        sums = sum(ids.size for ids in rows) * UNITS * operations.GATES[cell]
        size = sum(map(len, rows))
        return sums + operations.learning(size, MAXLEN, FEATURES, UNITS, cell, projected=distinct)

    return Comparison(
        f"training {NAMES[cell]}({UNITS}) from ids",
        f"an epoch over {count:,} reviews of {MAXLEN} ids, in batches of {BATCH_SIZE}",
        [
            Side(
                "this package, NumPy engine",
                lambda: networks.numpy_epoch(task()),
                operations=counted_here,
            ),
            Side(
                "this package, Keras engine on TensorFlow",
                lambda: networks.keras_engine_epoch(task()),
                needs=("tensorflow",),
                operations=counted_here,
            ),
            Side(
                "this package, Keras engine on JAX",
                lambda: networks.keras_engine_epoch(task()),
                needs=("jax",),
                operations=counted_here,
                process="child",
                environment=JAX,
            ),
            Side("Keras on TensorFlow, fit", with_keras, needs=("tensorflow",)),
            Side("Keras on JAX, fit", with_keras, needs=("jax",), process="child", environment=JAX),
            Side(
                f"torch, nn.{'RNN' if cell == 'simple' else cell.upper()}", with_torch, ("torch",)
            ),
        ],
        amount=count,
        unit="reviews",
        operations=lambda: operations.learning(count, MAXLEN, FEATURES, UNITS, cell),
        rounds=None if cell == "simple" else 3,
        meaning=_meaning,
    )


def _masked(settings: Settings) -> Comparison:
    """Whole reviews, whose padding is skipped: here it hardly arises."""
    count, units = settings.size((960, 128), (64, 8))

    @functools.cache
    def task() -> Task:
        encoder, reviews = networks.preprocessor(), settings.reviews("train", count)
        spec = networks.masked_network(units)
        return networks.task(spec, networks.whole(encoder), *_encoded(reviews))

    def _encoded(reviews: Reviews) -> tuple[Sequence[np.ndarray], np.ndarray]:
        return networks.whole(networks.preprocessor()).encode(reviews.texts), reviews.labels

    def with_keras() -> Call:
        encoded, labels = _encoded(settings.reviews("train", count))
        matrix = networks.preprocessor().embedding_matrix()
        model = networks.keras_masked_network(units, matrix)
        batches = networks.keras_padded_batches(encoded, labels)
        return lambda: model.fit(batches, epochs=1, verbose=0)

    return Comparison(
        f"training LSTM({units}) on whole reviews",
        f"an epoch over {count:,} reviews of any length, masked, the last state decides; plain "
        f"Keras pads each batch of {BATCH_SIZE} to its longest",
        [
            Side("this package, NumPy engine", lambda: networks.numpy_epoch(task())),
            Side(
                "this package, Keras engine on TensorFlow",
                lambda: networks.keras_engine_epoch(task()),
                needs=("tensorflow",),
            ),
            Side("Keras on TensorFlow, fit", with_keras, needs=("tensorflow",)),
        ],
        amount=count,
        unit="reviews",
        rounds=3,
    )


def _next_words(settings: Settings) -> Comparison:
    """What comes before training, where there are texts without labels."""
    count, units, rows = settings.size((256, 256, 64), (32, 8, 16))
    candidates = settings.size(500, 20)

    @functools.cache
    def spec() -> NetworkSpec:
        preset = PRESETS["pretrained"].replace(units=units)
        return sentiment_network(
            preset.architecture, maxlen=preset.preprocessing.maxlen, vector_size=FEATURES
        )

    @functools.cache
    def batches() -> list[np.ndarray]:
        encoded = networks.preprocessor().encode(settings.reviews("train", count).texts)
        ordered = sorted(encoded, key=len)
        return [pad_sequences(ordered[start : start + rows]) for start in range(0, count, rows)]

    def engine(name: str) -> Callable[[], Call]:
        return lambda: networks.next_words_epoch(name, spec(), batches(), candidates)

    return Comparison(
        f"learning the next word with LSTM({units})",
        f"an epoch over {count:,} reviews of any length, in batches of {rows} of like length; each "
        f"word is told from {candidates} others, and the word vectors learn too",
        [
            Side("this package, NumPy engine", engine("numpy")),
            Side("this package, Keras engine on TensorFlow", engine("keras"), ("tensorflow",)),
            Side(
                "torch, nn.LSTM",
                lambda: networks.torch_next_words_epoch(units, batches(), candidates),
                ("torch",),
            ),
        ],
        amount=count,
        unit="reviews",
        rounds=3,
    )


def _meaning(result: Result) -> str:
    """The NumPy engine beside the one large product in it."""
    (engine, *_) = result.measured
    if result.operations is None or not engine.name.endswith("NumPy engine"):
        return ""
    achieved = result.operations / engine.median / 1e9
    tokens = BATCH_SIZE * MAXLEN
    ceiling = numpy_gflops(10, (tokens, FEATURES, UNITS))
    return (
        f"Counted as its equations have them, {engine.name} does {achieved:,.0f} GFLOP/s: "
        f"{achieved / ceiling:.0%} of what NumPy reaches, {ceiling:,.0f}, when it does nothing but "
        f"a batch's input projection, ({tokens:,} x {FEATURES}) by ({FEATURES} x {UNITS})."
    )


def _from_texts(settings: Settings) -> Comparison:
    """Where the textbook's own way takes as long as it does: most of it before the network."""
    count = settings.size(800, 48)

    return Comparison(
        f"training SimpleRNN({UNITS}) from texts",
        f"tokens, inputs and an epoch over {count:,} reviews; the textbook's inputs are arrays of "
        f"{count * MAXLEN * FEATURES * 8 / 1e9:.2f} GB",
        [
            Side("this package, NumPy engine", lambda: numpy_from_texts(settings, count)),
            Side(
                "the textbook's way, Keras on TensorFlow",
                lambda: textbook_from_texts(settings, count),
                needs=("tensorflow", "nltk", "gensim"),
            ),
        ],
        amount=count,
        unit="reviews",
        rounds=3,
    )


def numpy_from_texts(settings: Settings, count: int) -> Call:
    """An epoch over some reviews with this package, tokenizing included."""
    reviews, encoder = settings.reviews("train", count), networks.preprocessor()
    spec = networks.network("simple")

    def run() -> None:
        encoded = encoder.encode(reviews.texts)
        networks.numpy_epoch(networks.task(spec, encoder, encoded, reviews.labels))()

    return run


def keras_from_texts(settings: Settings, count: int) -> Call:
    """An epoch of plain Keras behind this package's ids."""
    reviews, encoder = settings.reviews("train", count), networks.preprocessor()
    model = networks.keras_network("simple", encoder.embedding_matrix())
    targets = reviews.labels[:, None].astype("float32")
    return lambda: model.fit(
        encoder.pad(encoder.encode(reviews.texts)), targets, batch_size=BATCH_SIZE, verbose=0
    )


def textbook_from_texts(settings: Settings, count: int) -> Call:
    """An epoch as the textbook does it."""
    from benchmarks import textbook

    reviews = settings.reviews("train", count)
    vectors = textbook.keyed_vectors(networks.preprocessor().word_vectors)
    model = networks.keras_network("simple", None)
    targets = reviews.labels[:, None].astype("float32")

    def run() -> None:
        inputs = textbook.arrays(reviews.texts, vectors, MAXLEN)
        model.fit(inputs, targets, batch_size=BATCH_SIZE, epochs=1, verbose=0)

    return run
