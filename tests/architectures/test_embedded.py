import keras
import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.architectures.builder import build_network, vectors_layer, with_embedding
from sentiment_rnn.architectures.embedded import EmbeddedNetwork, distinct_ids
from sentiment_rnn.architectures.loops import STEPS, has_loop

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(9, 3)).astype(np.float32)
VECTORS[0] = 0
MASKING = LayerSpec("Masking")
CELLS = {
    "simple": LayerSpec("SimpleRNN", {"units": 4}),
    "simple without bias": LayerSpec("SimpleRNN", {"units": 4, "use_bias": False}),
    "lstm": LayerSpec("LSTM", {"units": 4}),
    "lstm without bias": LayerSpec("LSTM", {"units": 4, "use_bias": False}),
    "gru": LayerSpec("GRU", {"units": 4}),
    "gru without bias": LayerSpec("GRU", {"units": 4, "use_bias": False}),
    # Those below are left to Keras.
    "gru that resets before": LayerSpec("GRU", {"units": 4, "reset_after": False}),
    "relu": LayerSpec("SimpleRNN", {"units": 4, "activation": "relu"}),
    "hidden feedback": LayerSpec("HiddenFeedbackRNN", {"units": 2, "activation": "tanh"}),
}


def changed(cell, **config):
    return LayerSpec(cell.class_name, {**cell.config, **config})


def both_ways(cell, merge_mode="concat"):
    return LayerSpec("Bidirectional", {"layer": cell, "merge_mode": merge_mode})


def ids_of(time, batch=5, seed=1):
    """Ids with padding in their midst too."""
    return np.random.default_rng(seed).integers(0, 9, (batch, time)) * (np.arange(time) % 5 != 1)


def assert_trains_as_keras_does(layers, time=7, batch=None, steps=1, *, as_on_gpu=False):
    """Compares outputs and, by a step of gradient descent, the gradient of each array."""
    layers = [*layers, LayerSpec("Dense", {"units": 1, "activation": "sigmoid"})]
    spec = NetworkSpec((batch, time, 3), tuple(layers))
    weights = [RANDOM.normal(size=weight.shape) / 2 for weight in spec.weights()]
    expected = with_embedding(build_network(spec, weights), VECTORS, trainable=True)
    actual = EmbeddedNetwork(vectors_layer(VECTORS, trainable=True), build_network(spec, weights))
    actual.on_cpu = not as_on_gpu
    labels = np.array([[0], [1], [1], [0], [1]])
    for model in (expected, actual):
        model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", run_eagerly=True)
    for step in range(steps):
        ids = ids_of(time, seed=step)
        given = distinct_ids(ids, len(VECTORS))
        np.testing.assert_allclose(
            actual.predict_on_batch(given), expected.predict_on_batch(ids), atol=1e-5
        )
        expected.train_on_batch(ids, labels)
        actual.train_on_batch(given, labels)
    before = [VECTORS, *weights]
    for old, one, other in zip(before, expected.get_weights(), actual.get_weights(), strict=True):
        assert (old != one).any()
        np.testing.assert_allclose(other, one, atol=1e-5)


every_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())


@every_cell
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_last_state(cell, masked, backwards):
    layers = [changed(cell, go_backwards=backwards)]
    assert_trains_as_keras_does([MASKING, *layers] if masked else layers)


@every_cell
def test_all_states_side_by_side(cell):
    assert_trains_as_keras_does([changed(cell, return_sequences=True), LayerSpec("Flatten")])


@pytest.mark.parametrize("time", [1, STEPS - 1, STEPS, 2 * STEPS + 5])
@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
def test_texts_of_any_length(cell, time):
    assert_trains_as_keras_does([MASKING, CELLS[cell]], time)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("masked", [False, True])
def test_both_directions(merge_mode, masked):
    first = both_ways(changed(CELLS["gru"], return_sequences=True), merge_mode)
    layers = [first, both_ways(CELLS["lstm"], merge_mode)]
    assert_trains_as_keras_does([MASKING, *layers] if masked else layers)


@pytest.mark.parametrize("backwards", [False, True])
def test_layers_on_top_of_each_other(backwards):
    sequences = {"return_sequences": True}
    layers = [
        MASKING,
        changed(CELLS["lstm"], **sequences, go_backwards=backwards),
        changed(CELLS["gru that resets before"], **sequences),
        changed(CELLS["simple"], **sequences),
        LayerSpec("GlobalAveragePooling1D"),
    ]
    assert_trains_as_keras_does(layers)


@pytest.mark.parametrize("mode", ["mean", "max", "mean_max"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_masked_pooling(mode, bidirectional):
    layer = changed(CELLS["lstm"], return_sequences=True)
    layer = both_ways(layer, "concat") if bidirectional else layer
    assert_trains_as_keras_does([MASKING, layer, LayerSpec("MaskedPooling1D", {"mode": mode})])


@pytest.mark.parametrize("kind", ["forwards", "backwards", "both ways"])
@pytest.mark.parametrize("cell", ["simple", "lstm", "gru", "gru that resets before"])
def test_steps_that_are_skipped_need_no_mask_on_a_gpu(cell, kind, monkeypatch):
    layer = changed(CELLS[cell], return_sequences=True, go_backwards=kind == "backwards")
    layer = both_ways(layer) if kind == "both ways" else layer
    masks = []
    call = keras.layers.RNN.call

    def watched(self, sequences, initial_state=None, mask=None, training=False):
        masks.append(mask)
        return call(self, sequences, initial_state, mask, training)

    monkeypatch.setattr(keras.layers.RNN, "call", watched)
    pooling = LayerSpec("MaskedPooling1D", {"mode": "mean_max"})
    assert_trains_as_keras_does([MASKING, layer, pooling], as_on_gpu=True)
    assert any(mask is None for mask in masks) == (cell != "gru that resets before")


@pytest.mark.parametrize("layer", ["the first of two", "one of one state"])
def test_all_other_layers_on_a_gpu_are_masked_as_keras_does(layer):
    layers = [MASKING, CELLS["lstm"]]
    if layer == "the first of two":
        layers[1:1] = [changed(CELLS["gru"], return_sequences=True)]
    assert_trains_as_keras_does(layers, as_on_gpu=True)


@pytest.mark.parametrize(
    "first", [LayerSpec("Dropout", {"rate": 0.0}), LayerSpec("Dense", {"units": 3})]
)
def test_a_first_layer_that_is_not_recurrent(first):
    assert_trains_as_keras_does([first, MASKING, CELLS["lstm"]])


def test_states_are_carried():
    layer = changed(CELLS["gru"], stateful=True)
    assert_trains_as_keras_does([MASKING, layer], batch=5, steps=2)


def test_what_the_own_loops_run():
    keras_layers = {
        name: build_network(NetworkSpec((None, None, 3), (cell,))).layers[0]
        for name, cell in {**CELLS, "stateful": changed(CELLS["lstm"], dropout=0.1)}.items()
    }
    run = [name for name, layer in keras_layers.items() if has_loop(layer)]
    assert run == list(CELLS)[:6]


def test_dropout_drops_in_training_only():
    network = keras.Sequential(
        [keras.Input((None, 3)), keras.layers.SimpleRNN(4), keras.layers.Dropout(0.5)]
    )
    model = EmbeddedNetwork(vectors_layer(VECTORS), network)
    given = distinct_ids(ids_of(7), len(VECTORS))
    assert np.all(keras.ops.convert_to_numpy(model(given)) != 0)
    dropped = keras.ops.convert_to_numpy(model(given, training=True)) == 0
    assert 0 < dropped.sum() < dropped.size


def test_bfloat16_is_near_and_keeps_the_weights_float32():
    spec = NetworkSpec((None, None, 3), (MASKING, both_ways(CELLS["lstm"])))
    network = build_network(spec)
    given = distinct_ids(ids_of(40), len(VECTORS))
    exact, rough = (
        keras.ops.convert_to_numpy(
            EmbeddedNetwork(vectors_layer(VECTORS), network, precision=precision)(given)
        )
        for precision in ("float32", "bfloat16")
    )
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.02
    assert {weight.dtype for weight in network.weights} == {"float32"}


def test_distinct_ids_are_filled_up_so_that_few_sizes_come():
    ids = RANDOM.integers(0, 30_000, (32, 400))
    rows, places, distinct = distinct_ids(ids, 30_000)
    assert len(rows) == 32
    np.testing.assert_array_equal(distinct[places].reshape(ids.shape), ids)
    assert len(distinct) % 512 == 0
    assert len(distinct) - len(np.unique(ids)) < 512
