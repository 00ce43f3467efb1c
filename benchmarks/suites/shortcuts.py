"""Whether what makes training fast costs accuracy: batches of like length, and bfloat16."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import networks
from benchmarks.measuring import Call, Comparison, Side
from benchmarks.settings import Settings
from sentiment_rnn import SentimentClassifier
from sentiment_rnn.training.splits import validation_split

# The textbook's preset with an LSTM that reads whole reviews.
_WHOLE: dict[str, Any] = {
    "cell": "lstm",
    "head": "last",
    "masking": True,
    "maxlen": 0,
    "validate_by": "film",
}


def comparisons(settings: Settings) -> list[Comparison]:
    count, epochs = settings.size((4000, 3), (64, 1))
    small, large = settings.size((128, 256), (4, 8))

    def here(engine: str, units: int, precision: str = "float32") -> Call:
        def run() -> Mapping[str, float]:
            return _scores(settings, lambda seed: _fit_here(engine, units, precision, seed))

        return run

    def _fit_here(engine: str, units: int, precision: str, seed: int) -> float:
        reviews = settings.grouped_reviews(count)
        classifier = SentimentClassifier(
            **_WHOLE,
            units=units,
            epochs=epochs,
            patience=epochs,
            engine=engine,
            precision=precision,
            seed=seed,
        )
        classifier.fit(reviews.texts, reviews.labels, groups=reviews.groups)
        return max(classifier.history_["val_accuracy"])

    def with_keras() -> Mapping[str, float]:
        return _scores(settings, fit_keras)

    def fit_keras(seed: int) -> float:
        import keras

        reviews = settings.grouped_reviews(count)
        encoded = networks.whole(networks.preprocessor()).encode(reviews.texts)
        train, validation = validation_split(reviews.labels, 0.2, seed=seed, groups=reviews.groups)
        keras.utils.set_random_seed(seed)
        model = networks.keras_masked_network(small, networks.preprocessor().embedding_matrix())
        learned, validated = (
            networks.keras_padded_batches([encoded[row] for row in rows], reviews.labels[rows])
            for rows in (train, validation)
        )
        done = model.fit(learned, validation_data=validated, epochs=epochs, verbose=0)
        return max(done.history["val_accuracy"])

    return [
        Comparison(
            "accuracy of ways to train",
            f"{epochs} epochs of an LSTM that reads whole reviews, {count:,} train reviews of "
            f"which a fifth, by film, validates; {settings.seeds} seeds. The best epoch's accuracy "
            "there; nothing is asked of the test reviews",
            [
                Side(f"this package, NumPy engine, {small} units", lambda: here("numpy", small)),
                Side(
                    f"this package, Keras engine, {small} units",
                    lambda: here("keras", small),
                    needs=("tensorflow",),
                ),
                Side(
                    f"Keras on TensorFlow, fit on padded batches, {small} units",
                    lambda: with_keras,
                    needs=("tensorflow",),
                ),
                *(
                    Side(
                        f"this package, Keras engine, {large} units, {precision}",
                        functools.partial(here, "keras", large, precision),
                        needs=("tensorflow",),
                    )
                    for precision in ("float32", "bfloat16")
                ),
            ],
            rounds=1,
            warm_up=False,
        ),
    ]


def _scores(settings: Settings, fit: Callable[[int], float]) -> Mapping[str, float]:
    found = [fit(seed) for seed in range(settings.seeds)]
    figures = {"validation": statistics.mean(found)}
    if len(found) > 1:
        figures["± validation"] = statistics.stdev(found)
    return figures
