"""What more work costs: reviews, their length, the vocabulary, units.

Reviews are real ones. For the other three everything but one size must stay as it is, so that they
take ids by chance, frequent ones as often as Zipf's law has it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks import networks
from benchmarks.measuring import Call, Comparison, Result, Side
from benchmarks.networks import BATCH_SIZE, FEATURES, MAXLEN, UNITS
from benchmarks.settings import Settings
from benchmarks.suites.training import keras_from_texts, numpy_from_texts, textbook_from_texts
from sentiment_rnn.numpy_rnn import initial_weights
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors

MANY = 100_000_000
VOCABULARY = 20_000
TRAINING, KERAS_TRAINING = "this package, training", "Keras, training"
PREDICTION, KERAS_PREDICTION = "this package, prediction", "Keras, prediction"
TEXTBOOK_TRAINING = "the textbook's way, training"

Line = tuple[Callable[[int], Call], tuple[str, ...], Sequence[int]]


def comparisons(settings: Settings) -> list[Comparison]:
    count = settings.size(320, 32)
    lengths = settings.size((50, 100, 200, 400, 800, 1600), (50, 200))
    vocabularies = settings.size((5000, 10_000, 20_000, 40_000, 80_000), (1000, 4000))
    units = settings.size((16, 32, 64, 128, 256, 512), (16, 64))
    return [
        _reviews_trained(settings),
        _reviews_predicted(settings),
        _sizes(settings, "tokens of a review", count, lengths, lambda n: Sizes(count, maxlen=n)),
        _sizes(settings, "words", count, vocabularies, lambda n: Sizes(count, vocabulary=n)),
        _sizes(settings, "units", count, units, lambda n: Sizes(count, units=n)),
        _table(settings, vocabularies),
    ]


def _reviews_trained(settings: Settings) -> Comparison:
    counts = settings.size((200, 400, 800, 1600, 3200), (32, 96))
    few = settings.size((200, 400, 800, 1600), (32,))

    numpy, keras, textbook = (
        functools.partial(way, settings)
        for way in (numpy_from_texts, keras_from_texts, textbook_from_texts)
    )
    return _growth(
        "training by reviews",
        f"tokens, inputs and an epoch of SimpleRNN({UNITS}) over so many reviews",
        "reviews",
        {
            TRAINING: (numpy, (), counts),
            KERAS_TRAINING: (keras, ("tensorflow",), settings.size(counts, few)),
            TEXTBOOK_TRAINING: (textbook, ("tensorflow", "nltk", "gensim"), few),
        },
        _more_reviews,
    )


def _reviews_predicted(settings: Settings) -> Comparison:
    counts = settings.size((1000, 2000, 4000, 8000, 16_000), (60, 240))
    few = settings.size((1000, 2000, 4000), (60,))

    def texts(count: int) -> list[str]:
        found = settings.reviews("test", count).texts
        return (found * -(-count // len(found)))[:count]

    def here(count: int) -> Call:
        predictor, encoder = _predictor(), networks.preprocessor()
        todo = texts(count)

        def predict() -> np.ndarray:
            networks.forget_tokens()
            return predictor.predict(encoder.encode(todo))

        return predict

    def with_keras(count: int) -> Call:
        encoder, todo = networks.preprocessor(), texts(count)
        model = networks.keras_network("simple", encoder.embedding_matrix())

        def predict() -> np.ndarray:
            networks.forget_tokens()
            ids = encoder.pad(encoder.encode(todo))
            return model.predict(ids, batch_size=256, verbose=0)

        return predict

    return _growth(
        "prediction by reviews",
        f"probabilities by SimpleRNN({UNITS}) of so many reviews, tokenizing included",
        "reviews",
        {
            PREDICTION: (here, (), counts),
            KERAS_PREDICTION: (with_keras, ("tensorflow",), few),
        },
        _more_reviews,
    )


@functools.cache
def _predictor() -> Predictor:
    spec = networks.network("simple")
    weights = initial_weights(spec, np.random.default_rng(0), np.float32)
    return Predictor(spec, weights, networks.preprocessor())


class Sizes:
    """Reviews by chance, a vocabulary and a network of given sizes.

    Args:
        count: reviews.
        maxlen: ids of each.
        vocabulary: words.
        units: of the SimpleRNN.
    """

    def __init__(
        self, count: int, maxlen: int = MAXLEN, vocabulary: int = VOCABULARY, units: int = UNITS
    ) -> None:
        rng = np.random.default_rng(0)
        vectors = rng.standard_normal((vocabulary, FEATURES), dtype=np.float32) / 16
        words = WordVectors([f"w{number}" for number in range(vocabulary)], vectors)
        self.encoder = Preprocessor(PreprocessingConfig(maxlen=maxlen), words)
        shares = 1 / np.arange(1, vocabulary + 1)
        ids = rng.choice(vocabulary, (count, maxlen), p=shares / shares.sum()) + 1
        self.encoded = list(ids.astype(np.int32))
        self.labels = rng.integers(0, 2, count)
        self.spec = networks.network("simple", units, maxlen)
        self.maxlen, self.units = maxlen, units

    def trained(self) -> Call:
        """An epoch with this package."""
        return networks.numpy_epoch(
            networks.task(self.spec, self.encoder, self.encoded, self.labels)
        )

    def trained_by_keras(self) -> Call:
        """An epoch with Keras."""
        matrix = self.encoder.embedding_matrix()
        model = networks.keras_network("simple", matrix, self.maxlen, self.units)
        ids, targets = np.array(self.encoded), self.labels[:, None].astype("float32")
        return lambda: model.fit(ids, targets, batch_size=BATCH_SIZE, verbose=0)

    def predictor(self) -> Predictor:
        """What predicts with this package."""
        weights = initial_weights(self.spec, np.random.default_rng(0), np.float32)
        return Predictor(self.spec, weights, self.encoder)

    def predicted(self) -> Call:
        """Prediction with this package."""
        predictor = self.predictor()
        return lambda: predictor.predict(self.encoded)


def _sizes(
    settings: Settings,
    variable: str,
    count: int,
    values: Sequence[int],
    sizes: Callable[[int], Sizes],
) -> Comparison:
    sizes = functools.cache(sizes)
    return _growth(
        f"by {variable}",
        f"an epoch over, and the probabilities of, {count:,} reviews by chance; {MAXLEN} tokens, "
        f"{VOCABULARY:,} words and {UNITS} units where not said otherwise",
        variable,
        {
            TRAINING: (lambda size: sizes(size).trained(), (), values),
            KERAS_TRAINING: (
                lambda size: sizes(size).trained_by_keras(),
                ("tensorflow",),
                settings.size(values, values[:1]),
            ),
            PREDICTION: (lambda size: sizes(size).predicted(), (), values),
        },
        functools.partial(_larger, count=count, variable=variable),
    )


def _table(settings: Settings, values: Sequence[int]) -> Comparison:
    """What prediction costs before the first text."""

    def prepare(size: int) -> Call:
        return Sizes(2, vocabulary=size).predictor

    def meaning(result: Result) -> str:
        last = result.measured[-1]
        return (
            f"It is paid once for each model, not for each review: {last.median:.2g} s for "
            f"{last.at:,.0f} words."
        )

    return _growth(
        "the table of a vocabulary",
        f"vectors of {FEATURES} numbers times the kernel of SimpleRNN({UNITS}), taken once when a "
        "model is loaded",
        "words",
        {"this package": (prepare, (), values)},
        meaning,
    )


def _growth(
    name: str,
    work: str,
    variable: str,
    lines: Mapping[str, Line],
    meaning: Callable[[Result], str],
) -> Comparison:
    return Comparison(
        name,
        work,
        [
            Side(
                f"{line}, {value:,}", functools.partial(prepare, value), needs, line=line, at=value
            )
            for line, (prepare, needs, values) in lines.items()
            for value in values
        ],
        variable=variable,
        rounds=3,
        meaning=meaning,
    )


def _more_reviews(result: Result) -> str:
    """From what the last reviews cost, so that what is paid once isn't multiplied."""
    parts = []
    for line, sides in result.lines().items():
        if len(sides) > 1:
            before, last = sides[-2], sides[-1]
            assert before.at is not None
            assert last.at is not None
            seconds = max(0.0, last.median - before.median) / (last.at - before.at)
            hours = seconds * MANY / 3600
            machines = max(1, math.ceil(hours))
            parts.append(
                f"{line} {hours:,.1f} hours ({machines:,} such machines to be done in one)"
            )
    return (
        f"At {MANY:,} reviews, if the last ones are like those to come: {'; '.join(parts)}. Their "
        f"ids take {MAXLEN * 4 * MANY / 1e9:,.0f} GB, the textbook's floats "
        f"{MAXLEN * FEATURES * 8 * MANY / 1e12:,.0f} TB."
    )


def _larger(result: Result, count: int, variable: str) -> str:
    parts = []
    for line, points in result.points().items():
        (first, fewer), (last, more) = points[0], points[-1]
        hours = [seconds / count * MANY / 3600 for seconds in (fewer, more)]
        parts.append(
            f"{line} {hours[0]:,.1f} hours with {first:,.0f} and {hours[1]:,.1f} with {last:,.0f}"
        )
    return f"{MANY:,} reviews take, by {variable}: {'; '.join(parts)}."
