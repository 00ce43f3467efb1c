from dataclasses import replace

import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.builder import build_network, vectors_layer, with_embedding
from sentiment_rnn.architectures.embedded import EmbeddedNetwork
from sentiment_rnn.errors import UsageError
from sentiment_rnn.numpy_rnn import Network
from sentiment_rnn.numpy_rnn.losses import loss_and_gradient
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.training.batches import WindowBatches
from sentiment_rnn.training.fit import EncodedTexts
from sentiment_rnn.training.keras_engine import fit_with_keras, predict
from tests.training.tasks import STATEFUL, accuracy, make_task, passes_with, texts

_begin = EmbeddedNetwork.__init__


def begin_on_gpu(model, *args, **kwargs):
    """Lets a network run its layers as on a GPU."""
    _begin(model, *args, **kwargs)
    model.on_cpu = False


class Spoil(keras.callbacks.Callback):
    """Destroys the network before an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.layers[-1].set_weights(
                [-100 * weight for weight in self.model.layers[-1].get_weights()]
            )


@pytest.mark.parametrize(("epochs", "patience"), [(2, 9), (9, 1)])
def test_a_network_that_is_spoilt_is_not_what_stays(epochs, patience):
    task = make_task(epochs=epochs, patience=patience)
    result = fit_with_keras(task, callbacks=[Spoil(1)])
    accuracies = result.history["val_accuracy"]
    assert len(accuracies) == 2
    assert accuracies[1] < max(accuracies)
    assert result.best_epoch == 1
    assert accuracy(task, result.weights, task.validation) == pytest.approx(max(accuracies))


def test_callbacks_find_the_validation_scores():
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append({**logs}))
    history = fit_with_keras(make_task(epochs=2), callbacks=[watch]).history
    assert set(seen[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert [scores["val_loss"] for scores in seen] == history["val_loss"]


@pytest.mark.parametrize("monitor", ["accuracy", "val_accuracy"])
def test_callbacks_know_that_more_accuracy_is_better(monitor):
    """Weights that stay, so that no epoch is better than the first."""
    stop = keras.callbacks.EarlyStopping(monitor, patience=2)
    task = make_task(epochs=9, patience=9, learning_rate=1e-12)
    assert len(fit_with_keras(task, callbacks=[stop]).history["loss"]) == 3
    assert stop.monitor_op is keras.ops.greater


@pytest.mark.parametrize("trainable", [False, True])
def test_weights_that_a_callback_saves_are_those_of_the_network(tmp_path, trainable):
    path = tmp_path / "{epoch}.weights.h5"
    save = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    task = make_task(epochs=4, patience=9, trainable_vectors=trainable)
    result = fit_with_keras(task, callbacks=[save, Spoil(3)])
    assert result.best_epoch < 4
    matrix = task.preprocessor.embedding_matrix()
    model = with_embedding(build_network(task.network), matrix)
    model.load_weights(tmp_path / f"{result.best_epoch}.weights.h5")
    vectors, *weights = model.get_weights()
    np.testing.assert_array_equal(vectors, result.vectors if trainable else matrix)
    for array, expected in zip(weights, result.weights, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (
            keras.callbacks.ModelCheckpoint("k.keras"),
            r"expected save_weights_only=True, and a file that ends in \.weights\.h5\. Received: "
            r"k\.keras\nWhole models are what save\(\) writes",
        ),
        (keras.callbacks.BackupAndRestore("backup"), r"give fit\(checkpoint=FILE\) instead\.$"),
    ],
)
def test_callbacks_that_save_whole_models_are_refused(callback, message):
    with pytest.raises(UsageError, match=message):
        fit_with_keras(make_task(), callbacks=[callback])


@pytest.mark.parametrize("maxlen", [0, 9])
def test_the_first_batches_may_be_shorter_than_others(maxlen):
    """On TensorFlow, Keras takes for granted what the first two batches have in common."""
    architecture = {"head": "last", "masking": True, "maxlen": maxlen}
    data = texts(64, longest=12)
    task = make_task(data, architecture=architecture, epochs=1)
    widths = [ids.shape[1] for ids, _ in map(task.batches().__getitem__, range(8))]
    seed = 0
    while widths[0] != widths[1] or len(set(widths)) < 3:
        seed += 1
        task = make_task(data, architecture=architecture, epochs=1, seed=seed)
        widths = [ids.shape[1] for ids, _ in map(task.batches().__getitem__, range(8))]
    assert max(widths) <= (maxlen or 11)
    assert len(fit_with_keras(task).history["loss"]) == 1


def test_a_loss_is_the_mean_over_texts():
    """Weights that stay, so that all batches are measured with the same network."""
    architecture = {"head": "last", "masking": True, "maxlen": 0}
    task = make_task(21, architecture=architecture, epochs=1, learning_rate=1e-12)
    history = fit_with_keras(task).history
    expected = replace(task, validation=task.training).validate(task.weights, None)
    assert history["loss"][0] == pytest.approx(expected["val_loss"], rel=1e-5)
    assert history["accuracy"][0] == pytest.approx(expected["val_accuracy"])


# Texts that were moved to mislead


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_learning_from_texts_that_were_moved(device, monkeypatch):
    """A step, against NumPy's layers, which are given the vectors one by one."""
    if device == "gpu":
        monkeypatch.setattr(EmbeddedNetwork, "__init__", begin_on_gpu)
    architecture = {"cell": "lstm", "bidirectional": True, "head": "mean_max", "masking": True}
    encoded = [*texts(7, longest=9).encoded, np.zeros(0, np.int32)]
    data = EncodedTexts(encoded, np.array([[0.0], [1]] * 4, np.float32))
    settings = {"architecture": architecture, "optimizer": "sgd", "learning_rate": 0.5}
    task = make_task(data, data, **settings, epochs=1, adversarial=0.3)
    ids, targets = task.batches()[0]
    vectors = task.preprocessor.embedding_matrix()[ids]
    network = Network(task.network, task.weights)

    def step(vectors):
        output = network.forward(vectors, training=True)
        done = loss_and_gradient(task.loss, targets, output)
        return done.loss, *network.backward(done.gradient)

    loss, once, of_vectors = step(vectors)
    lengths = np.sqrt(np.square(of_vectors).sum(axis=(1, 2), keepdims=True))
    words = np.count_nonzero(ids, axis=1)[:, np.newaxis, np.newaxis]
    moved = 0.3 * np.sqrt(words) * of_vectors / np.maximum(lengths, 1e-30)
    loss_of_moved, twice, _ = step(vectors + moved)
    assert loss_of_moved > loss + 0.01
    result = fit_with_keras(task)
    assert result.history["loss"] == pytest.approx([loss], rel=1e-5)
    for before, one, two, after in zip(task.weights, once, twice, result.weights, strict=True):
        np.testing.assert_allclose(after, before - 0.5 * (one + two), atol=1e-5)
        assert np.abs(two).max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_all_backends_learn_from_them_alike(backend):
    end = passes_with(backend, __file__, test_learning_from_texts_that_were_moved)
    assert end.startswith("2 passed")


# GPUs


def test_a_gpu_validates_by_itself(monkeypatch):
    architecture = {"cell": "lstm", "bidirectional": True, "head": "mean_max", "masking": True}
    task = make_task(validation=300, architecture=architecture, trainable_vectors=True, epochs=2)
    expected = fit_with_keras(task)
    monkeypatch.setattr(EmbeddedNetwork, "__init__", begin_on_gpu)
    monkeypatch.delattr("sentiment_rnn.training.fit.Predictor")
    actual = fit_with_keras(task)
    for name, values in expected.history.items():
        assert actual.history[name] == pytest.approx(values, rel=1e-4)
    assert actual.best_epoch == expected.best_epoch
    assert len(set(actual.history["val_loss"])) == 2


def test_a_gpu_says_of_texts_what_a_cpu_says():
    """In the order given, of texts longer than what is read and of one without a known word too."""
    architecture = {"cell": "gru", "head": "mean", "masking": True, "maxlen": 7}
    task = make_task(architecture=architecture)
    encoded = [*texts(600, longest=12).encoded, np.zeros(0, np.int32)]
    expected = Predictor(task.network, task.weights, task.preprocessor).predict(encoded)
    vectors = vectors_layer(task.preprocessor.embedding_matrix())
    model = EmbeddedNetwork(vectors, build_network(task.network, task.weights))
    model.on_cpu = False
    actual = predict(model, task.preprocessor.truncate(encoded))
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert np.ptp(actual) > 0.01


# Precision


@pytest.mark.parametrize("precision", ["bfloat16", "auto"])
def test_other_precisions_learn_too(precision):
    architecture = {"cell": "lstm", "bidirectional": True, "head": "last", "masking": True}
    task = make_task(200, architecture=architecture, epochs=8, precision=precision)
    result = fit_with_keras(task)
    assert accuracy(task, result.weights, texts(50, seed=2)) > 0.9
    assert {array.dtype for array in result.weights} == {np.dtype(np.float32)}
    exact = fit_with_keras(make_task(200, architecture=architecture, epochs=8))
    same = [(one == two).all() for one, two in zip(result.weights, exact.weights, strict=True)]
    # Networks as small as this one are faster without.
    assert all(same) if precision == "auto" else not any(same)


# Statefulness


def predict_windows(model, task, encoded):
    """What a stateful Keras network says after the last window of each text."""
    whole = with_embedding(model, task.preprocessor.embedding_matrix())
    batch_size, window = whole.input_shape
    output = np.zeros((len(encoded), 1), np.float32)
    for start in range(0, len(encoded), batch_size):
        rows = np.arange(start, min(start + batch_size, len(encoded)))
        part = [encoded[row] for row in rows]
        windows = WindowBatches(part, np.zeros((len(part), 1)), window, batch_size)
        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()
        for number in range(len(windows)):
            ids, _, is_read = windows[number]
            found = whole.predict_on_batch(ids)[: len(rows)]
            output[rows] = np.where(is_read[: len(rows), None] > 0, found, output[rows])
    return output


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_a_stateful_network_over_windows_equals_a_stateless_one_over_the_text(cell):
    """In Keras, at the batch size of training and at 1; and without Keras."""
    encoded = texts(19, longest=50).encoded
    encoded[3] = np.zeros(0, np.int32)
    architecture = {"cell": cell, **STATEFUL}
    task = make_task(architecture=architecture)
    plain = {"cell": cell, "head": "last", "masking": True, "maxlen": 0}
    stateless = build_network(make_task(architecture=plain).network, task.weights)
    whole = with_embedding(stateless, task.preprocessor.embedding_matrix())
    expected = whole.predict(task.preprocessor.pad(encoded), verbose=0)
    assert np.ptp(expected) > 0.01
    model = build_network(task.network, task.weights)
    for _ in range(2):  # again, so that states left over from before would show
        actual = predict_windows(model, task, encoded)
        np.testing.assert_allclose(actual, expected, atol=1e-5)
    one_by_one = build_network(
        make_task(architecture=architecture, batch_size=1).network, task.weights
    )
    actual = predict_windows(one_by_one, task, encoded)
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    predictor = Predictor(task.network, task.weights, task.preprocessor)
    np.testing.assert_allclose(predictor.predict(encoded), expected, atol=1e-5)


def test_training_resets_states_between_texts_and_carries_them_within():
    seen = {"carried": 0, "reset": 0}

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            state = self.model.layers[-1].layers[1].states[0]
            seen["carried" if float(keras.ops.sum(keras.ops.abs(state))) > 0 else "reset"] += 1

    # Two batches of texts with three windows each.
    data = EncodedTexts([np.arange(1, 13, dtype=np.int32)] * 16, np.arange(16)[:, None] % 2)
    fit_with_keras(make_task(data, data, architecture=STATEFUL, epochs=1), callbacks=[Watch()])
    assert seen == {"carried": 4, "reset": 2}
