import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn import RNN, Network
from tests.numpy_rnn.checks import (
    BATCH,
    CELLS,
    FEATURES,
    MASK,
    TIME,
    UNITS,
    cell,
    random_input,
    random_weights,
)


def spec_of(*layers, features=FEATURES):
    return NetworkSpec((None, None, features), layers)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_give_what_the_whole_sequence_gives(name, dtype):
    spec = spec_of(
        cell(name, return_sequences=True),
        LayerSpec("Dropout", {"rate": 0.5}),
        cell("LSTM", return_sequences=True),
        LayerSpec("Dense", {"units": 3, "activation": "softmax"}),
    )
    weights, x = random_weights(spec, dtype), random_input(dtype)
    rnn = RNN(spec, weights)
    steps = np.stack([rnn.step(x[:, t]) for t in range(TIME)], axis=1)
    assert steps.dtype == dtype
    np.testing.assert_allclose(steps, Network(spec, weights).forward(x), atol=1e-6)
    np.testing.assert_array_equal(x, random_input(dtype))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_masked_steps(name, zero_output_for_mask):
    layer = cell(name, return_sequences=True, zero_output_for_mask=zero_output_for_mask)
    spec = spec_of(LayerSpec("Masking"), layer, cell("GRU", return_sequences=True))
    weights, x = random_weights(spec), random_input(mask=True)
    rnn = RNN(spec, weights)
    steps = np.stack([rnn.step(x[:, t]) for t in range(TIME)], axis=1)
    np.testing.assert_allclose(steps, Network(spec, weights).forward(x), atol=1e-14)
    assert (~MASK).any()


def test_a_step_gives_what_the_sequence_so_far_gives():
    spec = spec_of(cell("LSTM"), LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}))
    weights, x = random_weights(spec), random_input()
    rnn, whole = RNN(spec, weights), Network(spec, weights)
    for t in range(TIME):
        np.testing.assert_allclose(rnn.step(x[:, t]), whole.forward(x[:, : t + 1]), atol=1e-14)


def test_two_stacked_are_one_of_two_layers():
    first, second = spec_of(cell("SimpleRNN")), spec_of(cell("LSTM"), features=UNITS)
    weights = [*random_weights(first), *random_weights(second, seed=1)]
    both = spec_of(cell("SimpleRNN", return_sequences=True), cell("LSTM", return_sequences=True))
    x = random_input(batch=1)[0]
    expected = Network(both, weights).forward(x[np.newaxis])[0]
    rnn1, rnn2 = RNN(first, weights[:3]), RNN(second, weights[3:])
    for t in range(TIME):
        y1 = rnn1.step(x[t])
        y = rnn2.step(y1)
        assert y.shape == (UNITS,)
        np.testing.assert_allclose(y, expected[t], atol=1e-14)


def test_reset_makes_a_new_start():
    spec = spec_of(cell("GRU"))
    rnn = RNN(spec, random_weights(spec))
    x = random_input()
    assert rnn.states == {}
    first = rnn.step(x[:, 0])
    assert (rnn.step(x[:, 0]) != first).all()
    assert [state.shape for state in rnn.states[0]] == [(BATCH, UNITS)]
    rnn.reset()
    np.testing.assert_array_equal(rnn.step(x[:, 0]), first)
    rnn.reset()
    np.testing.assert_allclose(rnn.step(x[0, 0]), first[0], atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "received"),
    [
        (LayerSpec("GlobalMaxPooling1D"), "GlobalMaxPooling1D"),
        (LayerSpec("Bidirectional", {"layer": cell("GRU")}), "Bidirectional"),
        (cell("GRU", go_backwards=True), "GRU that goes backwards"),
    ],
)
def test_layers_that_need_the_whole_sequence_are_refused(layer, received):
    spec = spec_of(layer)
    with pytest.raises(ValueError, match=f"read step by step.*Received: {received}$"):
        RNN(spec, random_weights(spec))


def test_a_step_that_does_not_fit_is_refused():
    spec = spec_of(cell("GRU"))
    rnn = RNN(spec, random_weights(spec))
    with pytest.raises(ValueError, match=r"a step \(2,\) or \(batch, 2\). Received: \(3,\)"):
        rnn.step(np.ones(3))
    with pytest.raises(ValueError, match=r"Received: \(1, 1, 2\)"):
        rnn.step(np.ones((1, 1, 2)))
    rnn.step(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"a step \(3, 2\) as before; .*Received: \(4, 2\)"):
        rnn.step(np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"Received: \(2,\)"):
        rnn.step(np.ones(2))
