import keras
import numpy as np
import pytest

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.architectures.builder import build_network, with_embedding
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors
from sentiment_rnn.training import TrainingConfig
from sentiment_rnn.training.batches import WindowBatches
from sentiment_rnn.training.callbacks import reset_states
from sentiment_rnn.training.fit import EncodedTexts, fit_network

RANDOM = np.random.default_rng(0)
# The words of the two classes differ by what they have in common, and each from the others.
SHIFT = np.repeat([[0.7], [-0.7]], 15, axis=0)
VECTORS = WordVectors([f"w{n}" for n in range(30)], RANDOM.normal(size=(30, 6)) + SHIFT)


def task(texts, seed=0, longest=12):
    """Texts in which ids up to 15 speak for class 1 and those above for class 0."""
    random = np.random.default_rng(seed)
    labels = np.arange(texts) % 2
    encoded = [
        random.integers(1, 16, random.integers(2, longest)).astype(np.int32)
        + np.int32(0 if label else 15)
        for label in labels
    ]
    return EncodedTexts(encoded, labels)


def make(maxlen=12, batch_size=8, **options):
    preprocessor = Preprocessor(PreprocessingConfig(maxlen=maxlen), VECTORS)
    config = ArchitectureConfig(units=5, dropout=0, **options)
    keras.utils.set_random_seed(0)
    network = sentiment_network(config, maxlen=maxlen, vector_size=6, batch_size=batch_size)
    return network, build_network(network), preprocessor


def fit(model, preprocessor, texts=64, **options):
    config = TrainingConfig(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.01, **options})
    return fit_network(model, preprocessor, task(texts), task(33, seed=1), config, seed=0)


def accuracy(network, model, preprocessor, data):
    predictor = Predictor(network, model.get_weights(), preprocessor)
    return np.mean((predictor.predict(data.encoded)[:, 0] > 0.5) == data.labels)


STATEFUL = {"stateful": True, "window": 4, "head": "last", "masking": True}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "head": "last", "masking": True},
        {"cell": "gru", "head": "last", "masking": True, "maxlen": 0},
        {"bidirectional": True, "head": "max"},
        {"go_backwards": True},
        STATEFUL,
    ],
)
def test_it_learns_and_every_weight_moves(options):
    network, model, preprocessor = make(**options)
    before = model.get_weights()
    fit(model, preprocessor, texts=200, epochs=8)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old != new).any()
    assert accuracy(network, model, preprocessor, task(50, seed=2)) > 0.9


@pytest.mark.parametrize("options", [{}, STATEFUL])
def test_the_same_seed_gives_the_same_numbers(options):
    results = []
    for _ in range(2):
        _, model, preprocessor = make(**options)
        results.append((fit(model, preprocessor).history, model.get_weights()))
    assert results[0][0] == results[1][0]
    for first, second in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("options", [{}, STATEFUL])
def test_the_reported_accuracy_is_that_of_the_final_network(options):
    network, model, preprocessor = make(**options)
    result = fit(model, preprocessor)
    final = accuracy(network, model, preprocessor, task(33, seed=1))
    assert final == pytest.approx(max(result.history["val_accuracy"]))


class Spoil(keras.callbacks.Callback):
    """Destroys the network before the last epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.layers[-1].set_weights(
                [-100 * weight for weight in self.model.layers[-1].get_weights()]
            )


@pytest.mark.parametrize(("epochs", "patience"), [(2, 9), (9, 1)])
def test_it_ends_with_the_best_epoch_whether_it_stops_early_or_not(epochs, patience):
    network, model, preprocessor = make()
    config = TrainingConfig(epochs=epochs, batch_size=8, learning_rate=0.01, patience=patience)
    validation = task(33, seed=1)
    result = fit_network(
        model, preprocessor, task(64), validation, config, seed=0, callbacks=[Spoil(1)]
    )
    accuracies = result.history["val_accuracy"]
    assert len(accuracies) == 2
    assert accuracies[1] < max(accuracies)
    assert result.best_epoch == 1 + int(np.argmax(accuracies))
    final = accuracy(network, model, preprocessor, validation)
    assert final == pytest.approx(max(accuracies))


def test_weights_that_training_goes_on_from_stay_if_nothing_is_better():
    _, model, preprocessor = make()
    before = model.get_weights()
    config = TrainingConfig(epochs=2, batch_size=8)
    result = fit_network(
        model, preprocessor, task(64), task(33, seed=1), config, seed=0, initial_accuracy=1.0
    )
    assert result.best_epoch == 0
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_trained_vectors_come_back():
    _, model, preprocessor = make()
    data = task(64)
    config = TrainingConfig(epochs=1, batch_size=8)
    result = fit_network(model, preprocessor, data, data, config, seed=0, trainable_vectors=True)
    assert result.vectors is not None
    assert not result.vectors[0].any()
    assert (result.vectors[1:] != VECTORS.matrix()).any()
    assert fit(model, preprocessor).vectors is None


# Statefulness


def predict_windows(model, preprocessor, encoded):
    """What a stateful Keras network says after the last window of each text."""
    model = with_embedding(model, preprocessor.embedding_matrix())
    batch_size, window = model.input_shape
    windows = WindowBatches(encoded, np.zeros(len(encoded)), window, batch_size, final_only=True)
    output = np.zeros((len(encoded), 1), np.float32)
    for number in range(len(windows)):
        if windows.begins_texts(number):
            reset_states(model.layers[-1])
        ids, _, is_final = windows[number]
        rows = np.flatnonzero(is_final)
        output[windows.texts(number)[rows]] = model.predict_on_batch(ids)[rows]
    return output


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_a_stateful_network_over_windows_equals_a_stateless_one_over_the_text(cell):
    """In Keras, at the batch size of training and at 1; and without Keras."""
    encoded = task(19, longest=50).encoded
    encoded[3] = np.zeros(0, np.int32)
    network, model, preprocessor = make(maxlen=0, cell=cell, **STATEFUL)
    _, stateless, _ = make(maxlen=0, cell=cell, head="last", masking=True)
    stateless.set_weights(model.get_weights())
    whole = with_embedding(stateless, preprocessor.embedding_matrix())
    expected = whole.predict(preprocessor.pad(encoded), verbose=0)
    assert np.ptp(expected) > 0.01
    for _ in range(2):  # again, so that states left over from before would show
        actual = predict_windows(model, preprocessor, encoded)
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    _, one_by_one, _ = make(maxlen=0, cell=cell, batch_size=1, **STATEFUL)
    one_by_one.set_weights(model.get_weights())
    actual = predict_windows(one_by_one, preprocessor, encoded)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    predictor = Predictor(network, model.get_weights(), preprocessor)
    np.testing.assert_allclose(predictor.predict(encoded), expected, atol=1e-5)


def test_training_resets_states_between_texts_and_carries_them_within():
    _, model, preprocessor = make(maxlen=0, **STATEFUL)
    seen = {"carried": 0, "reset": 0}

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            state = model.layers[1].states[0]
            seen["carried" if float(keras.ops.sum(keras.ops.abs(state))) > 0 else "reset"] += 1

    config = TrainingConfig(epochs=1, batch_size=8)
    data = EncodedTexts([np.arange(1, 13, dtype=np.int32)] * 16, np.arange(16) % 2)
    fit_network(model, preprocessor, data, data, config, seed=0, callbacks=[Watch()])
    # Two batches of texts with three windows each.
    assert seen == {"carried": 4, "reset": 2}
