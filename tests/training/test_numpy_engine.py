"""The engine without Keras beside Keras: same weights, same batches, same numbers."""

import keras
import numpy as np
import pytest

from sentiment_rnn._shipped import shipped
from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.builder import build_network, with_embedding
from sentiment_rnn.numpy_rnn import initial_weights, loss_and_gradient
from sentiment_rnn.numpy_rnn.adversarial import adversarial_perturbation
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.training import TrainingConfig, batches
from sentiment_rnn.training.config import OPTIMIZERS
from sentiment_rnn.training.fit import EncodedTexts, Task
from sentiment_rnn.training.keras_engine import fit_with_keras
from sentiment_rnn.training.numpy_engine import Trainer, fit_with_numpy
from tests.training.tasks import STATEFUL, make_task

NETWORKS = {
    "textbook": {},
    "lstm": {"cell": "lstm", "head": "last", "masking": True},
    "gru": {"cell": "gru", "head": "mean"},
    "deep": {"cell": "lstm", "layers": 2, "head": "max", "bidirectional": True},
    "backwards": {"go_backwards": True},
    "pooled": {"cell": "lstm", "bidirectional": True, "head": "mean_max", "masking": True},
}
POOLED = NETWORKS["pooled"]


@pytest.mark.parametrize("architecture", NETWORKS.values(), ids=NETWORKS.keys())
def test_losses_follow_those_of_keras_batch_by_batch(architecture):
    task = make_task(400, architecture=architecture)
    losses = compare_losses(task)
    assert losses[0] > 1.2 * losses[-1]


def compare_losses(task):
    """Trains with both engines on the same 50 batches, and returns the losses."""
    model = with_embedding(
        build_network(task.network, task.weights), task.preprocessor.embedding_matrix()
    )
    optimizer = keras.optimizers.RMSprop(task.config.learning_rate)
    model.compile(optimizer, "binary_crossentropy")
    trainer, batches = Trainer(task), task.batches()
    assert len(batches) == 50
    ours, theirs = [], []
    for number in range(len(batches)):
        ids, labels = batches[number]
        theirs.append(float(model.train_on_batch(ids, labels)))
        ours.append(trainer.train_batch(ids, labels)[0] / len(ids))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-3)
    return ours


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "architecture", [{}, STATEFUL, {"cell": "gru", **STATEFUL}], ids=["whole", "windows", "gru"]
)
def test_history_and_weights_are_those_of_keras(architecture, optimizer):
    task = make_task(50, architecture=architecture, optimizer=optimizer, epochs=2)
    ours, theirs = fit_with_numpy(task), fit_with_keras(task)
    assert ours.best_epoch == theirs.best_epoch
    assert set(ours.history) == set(theirs.history)
    for name, values in ours.history.items():
        np.testing.assert_allclose(values, theirs.history[name], atol=1e-4, err_msg=name)
    for one, two, first in zip(ours.weights, theirs.weights, task.weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-3)
        assert np.abs(one - first).max() > 0


def test_a_rate_that_falls_and_dropped_words_are_those_of_keras(monkeypatch):
    # These texts are as short as those that lose no word.
    monkeypatch.setattr(batches, "_SHORT", 0)
    options = {"schedule": "cosine", "word_dropout": 0.3}
    task = make_task(50, architecture=POOLED, optimizer="adam", epochs=3, **options)
    ours, theirs = fit_with_numpy(task), fit_with_keras(task)
    for name, values in ours.history.items():
        np.testing.assert_allclose(values, theirs.history[name], atol=1e-4, err_msg=name)
    for one, two in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-3)
    for name in options:
        changed = {key: value for key, value in options.items() if key != name}
        other = make_task(50, architecture=POOLED, optimizer="adam", epochs=3, **changed)
        assert fit_with_numpy(other).history["loss"] != ours.history["loss"]


def test_what_learned_from_misleading_texts_is_harder_to_mislead():
    loss, misled = {}, {}
    for length in (0.0, 1.0):
        task = make_task(
            60, architecture=POOLED, engine="numpy", optimizer="adam", adversarial=length
        )
        trainer, batches = Trainer(task), task.batches()
        for step in range(400):
            trainer.train_batch(*batches[step % len(batches)])
        embedded = EmbeddedNetwork(
            task.network, trainer.weights, task.preprocessor.embedding_matrix()
        )
        ids, targets = pad_sequences(task.training.encoded), task.training.targets
        plain = loss_and_gradient(task.loss, targets, embedded.forward(ids, training=True))
        moved = adversarial_perturbation(
            embedded.backward(plain.gradient).projected, np.count_nonzero(ids, axis=1), 1.0
        )
        output = embedded.forward(ids, perturbation=moved)
        loss[length] = plain.loss
        misled[length] = loss_and_gradient(task.loss, targets, output).loss
    assert loss[1.0] < 0.01
    assert misled[1.0] < 0.7 * misled[0.0]


@pytest.mark.parametrize("architecture", [{}, {"bidirectional": True, "head": "max"}])
def test_trained_vectors_are_those_of_keras(architecture):
    # Keras's other optimizers square the gradient of each place of a word by itself, and add up
    # the squares: SGD squares nothing.
    task = make_task(
        50, architecture=architecture, epochs=2, trainable_vectors=True, optimizer="sgd"
    )
    ours, theirs = fit_with_numpy(task), fit_with_keras(task)
    assert ours.vectors is not None
    assert theirs.vectors is not None
    np.testing.assert_allclose(ours.vectors, theirs.vectors, atol=1e-5)
    assert np.abs(ours.vectors - task.preprocessor.embedding_matrix()).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_losses_on_real_reviews_follow_those_of_keras(imdb, cell):
    """The textbook's network at its real size, 50 batches of 32 reviews, without dropout."""
    train = imdb[0].limit(1600, seed=0)
    vectors = WordVectors.load(shipped("models") / "imdb_vectors" / "word_vectors.npz")
    preprocessor = Preprocessor(PreprocessingConfig(), vectors)
    data = EncodedTexts(preprocessor.encode(train.texts), np.asarray(train.labels)[:, None])
    architecture = ArchitectureConfig(cell=cell, dropout=0)
    network = sentiment_network(architecture, maxlen=400, vector_size=300)
    weights = initial_weights(network, np.random.default_rng(0), np.float32)
    # At ten times this rate the textbook's network is chaotic: Keras departs from Keras by more
    # than 1 within 20 batches if the weights that it begins with differ in their seventh digit.
    config = TrainingConfig(learning_rate=1e-4)
    compare_losses(Task(network, weights, preprocessor, data, data, config, seed=0))
