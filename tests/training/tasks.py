"""Small tasks that tests train networks on."""

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.numpy_rnn import initial_weights
from sentiment_rnn.numpy_rnn.losses import is_right
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors
from sentiment_rnn.training import TrainingConfig
from sentiment_rnn.training.fit import EncodedTexts, Task
from sentiment_rnn.training.keras_engine import fit_with_keras
from sentiment_rnn.training.numpy_engine import fit_with_numpy
from tests.conftest import ROOT

RANDOM = np.random.default_rng(0)
# The words of the two classes differ by what they have in common, and each from the others.
SHIFT = np.repeat([[0.7], [-0.7]], 15, axis=0)
VECTORS = WordVectors([f"w{n}" for n in range(30)], RANDOM.normal(size=(30, 6)) + SHIFT)
STATEFUL = {"stateful": True, "window": 4, "head": "last", "masking": True, "maxlen": 0}
ENGINES = {"keras": fit_with_keras, "numpy": fit_with_numpy}


def texts(count, seed=0, longest=12):
    """Texts in which ids up to 15 speak for class 1 and those above for class 0."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    encoded = [
        random.integers(1, 16, random.integers(2, longest)).astype(np.int32)
        + np.int32(0 if label else 15)
        for label in labels
    ]
    return EncodedTexts(encoded, labels[:, None].astype(np.float32))


def texts_of_three(count, seed=0):
    """Texts in which each third of the ids speaks for a class."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    encoded = [
        (random.integers(1, 11, random.integers(2, 12)) + 10 * label).astype(np.int32)
        for label in labels
    ]
    return EncodedTexts(encoded, np.eye(3, dtype=np.float32)[labels])


def make_task(training=64, validation=33, *, maxlen=12, architecture=None, **options):
    """A task; options are those of `TrainingConfig` and `Task`."""
    settings = {"maxlen": maxlen, **(architecture or {})}
    maxlen = settings.pop("maxlen")
    of_task = ("seed", "trainable_vectors", "initial_accuracy", "weights")
    chosen = {name: options.pop(name) for name in of_task if name in options}
    config = TrainingConfig(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.01, **options})
    outputs = training.targets.shape[1] if isinstance(training, EncodedTexts) else 1
    network = sentiment_network(
        ArchitectureConfig(**{"units": 5, "dropout": 0, **settings}),
        classes=max(2, outputs),
        maxlen=maxlen,
        vector_size=6,
        batch_size=config.batch_size,
    )
    weights = initial_weights(network, np.random.default_rng(7), np.float32)
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=maxlen), VECTORS)
    data = [
        part if isinstance(part, EncodedTexts) else texts(part, seed)
        for seed, part in enumerate((training, validation))
    ]
    return Task(
        network,
        preprocessor=preprocessor,
        training=data[0],
        validation=data[1],
        config=config,
        **{"seed": 0, "weights": weights, **chosen},
    )


def accuracy(task, weights, data):
    output = Predictor(task.network, weights, task.preprocessor).predict(data.encoded)
    return is_right(data.targets, output).mean()


def passes_with(backend: str, file: str, test: Callable[..., None]) -> str:
    """Runs a test in a process of its own, where Keras has another backend, and gives the end."""
    pytest.importorskip(backend)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"{file}::{test.__name__}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": backend},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1]
