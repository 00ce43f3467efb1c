from itertools import pairwise

import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn import RNN, Network, initial_weights
from tests.numpy_rnn.checks import (
    BATCH,
    CELLS,
    FEATURES,
    MASK,
    TIME,
    UNITS,
    cell,
    pooling,
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


POOLED = ("GlobalAveragePooling1D", "GlobalMaxPooling1D", "mean", "max", "mean_max")
SPLITS: list[list[int]] = [[], [1], [4], [2, 3], [1, 2, 3, 4]]


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("head", ["last", "every step", *POOLED])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_many_steps_at_once_give_what_the_sequence_so_far_gives(
    name, head, masked, zero_output_for_mask
):
    options = {"zero_output_for_mask": zero_output_for_mask}
    layers = [
        LayerSpec("Masking", {"mask_value": 0.0})
        if masked
        else LayerSpec("Dropout", {"rate": 0.5}),
        cell("GRU", return_sequences=True, **options),
        LayerSpec("Dense", {"units": 3, "activation": "tanh"}),
        cell(name, return_sequences=head != "last", **options),
        *([pooling(head), LayerSpec("Flatten")] if head in POOLED else []),
        LayerSpec("Dense", {"units": 2, "activation": "softmax"}),
    ]
    spec = spec_of(*layers)
    weights, x = random_weights(spec), random_input(mask=masked)
    if masked and head == "GlobalAveragePooling1D":
        x[:, 0] = 1  # a mean of no step at all is not a number
    before, whole, table = x.copy(), Network(spec, weights), Network(spec_of(*layers[1:]), weights)
    for splits in SPLITS:
        rnn, folded, alone = RNN(spec, weights), RNN(spec, weights), RNN(spec, weights)
        stop = 0
        for part in np.split(x, splits, axis=1):
            stop += part.shape[1]
            expected = whole.forward(x[:, :stop])
            if head == "every step":
                expected = expected[:, -1]
            actual = rnn.read(part)
            np.testing.assert_allclose(actual, expected, atol=1e-14)
            np.testing.assert_allclose(alone.read(part[1]), expected[1], atol=1e-14)
            if masked:
                (projected,) = table.project_inputs(part)
                mask = (part != 0).any(axis=2)
                np.testing.assert_allclose(
                    folded.read_projected(projected, mask), expected, atol=1e-14
                )
    assert np.ptp(actual) > 0.01
    np.testing.assert_array_equal(x, before)


def test_a_mean_of_no_steps_is_not_a_number_until_one_comes():
    spec = spec_of(LayerSpec("Masking"), LayerSpec("GlobalAveragePooling1D"))
    rnn = RNN(spec, [])
    assert np.isnan(rnn.step(np.zeros(2))).all()
    assert rnn.step(np.array([1.0, 3.0])).tolist() == [1, 3]
    assert rnn.read(np.array([[0.0, 0.0], [2.0, 0.0]])).tolist() == [1.5, 1.5]
    rnn.reset_states()
    assert rnn.step(np.array([4.0, 8.0])).tolist() == [4, 8]


def test_the_sum_behind_a_mean_has_room_for_small_steps():
    rnn = RNN(spec_of(LayerSpec("GlobalAveragePooling1D")), [])
    rnn.step(np.full(2, 2.0**24, np.float32))
    for _ in range(1000):
        output = rnn.step(np.ones(2, np.float32))
    assert output.dtype == np.float32
    # In single precision 2^24 and 1 make 2^24.
    np.testing.assert_allclose(output, (2**24 + 1000) / 1001, rtol=1e-6)


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
    rnn.reset_states()
    np.testing.assert_array_equal(rnn.step(x[:, 0]), first)
    rnn.reset_states()
    np.testing.assert_allclose(rnn.step(x[0, 0]), first[0], atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "received"),
    [
        (LayerSpec("Flatten"), "Flatten"),
        (LayerSpec("Bidirectional", {"layer": cell("GRU")}), "Bidirectional"),
        (cell("GRU", go_backwards=True), "GRU that goes backwards"),
    ],
)
def test_layers_that_need_the_whole_sequence_are_refused(layer, received):
    spec = NetworkSpec((None, TIME, FEATURES), (layer,))
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


def test_steps_that_do_not_fit_are_refused():
    spec = spec_of(cell("GRU"))
    rnn = RNN(spec, random_weights(spec))
    for shape in ((2,), (3, 3), (0, 2), (3, 0, 2)):
        with pytest.raises(
            ValueError,
            match=rf"Expected steps \(time of at least 1, 2\) or \(batch, time, 2\)\. "
            rf"Received: \({', '.join(map(str, shape))},?\)$",
        ):
            rnn.read(np.ones(shape))
    rnn.read(np.ones((3, 7, 2)))
    rnn.read(np.ones((3, 1, 2)))
    with pytest.raises(ValueError, match=r"a step \(3, 2\) as before; .*Received: \(4, 2\)"):
        rnn.read(np.ones((4, 7, 2)))
    with pytest.raises(ValueError, match=r"a step \(3, 2\) as before; .*Received: \(2,\)"):
        rnn.step(np.ones(2))
    dense = spec_of(LayerSpec("Dense", {"units": 1}))
    with pytest.raises(ValueError, match="this network begins with no recurrent layer"):
        RNN(dense, random_weights(dense)).read_projected(np.ones((1, 1, 1)))


def test_a_dense_behind_a_flatten_adds_up_the_steps():
    spec = NetworkSpec(
        (None, TIME, FEATURES),
        (
            cell("LSTM", return_sequences=True),
            LayerSpec("Dropout", {"rate": 0.5}),
            LayerSpec("Flatten"),
            LayerSpec("Dense", {"units": 3, "activation": "softmax"}),
            LayerSpec("Dense", {"units": 2, "activation": "sigmoid"}),
        ),
    )
    weights, x = random_weights(spec), random_input()
    expected = Network(spec, weights).forward(x)
    rnn = RNN(spec, weights)
    for cuts in ([0, 2, 3, TIME], [0, TIME], range(TIME + 1)):
        rnn.reset_states()
        for start, stop in pairwise(cuts):
            output = rnn.read(x[:, start:stop])
        np.testing.assert_allclose(output, expected, atol=1e-12)
    with pytest.raises(ValueError, match=f"at most {TIME} steps in front of a Flatten; .*: 6"):
        rnn.read(x[:, :1])


@pytest.mark.parametrize("mode", ["mean", "max", "mean_max"])
@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_sequences_that_have_ended_leave_the_batch(name, mode):
    layers = (
        LayerSpec("Masking"),
        LayerSpec(name, {"units": 4, "return_sequences": True}),
        LayerSpec("MaskedPooling1D", {"mode": mode}),
        LayerSpec("Dense", {"units": 2}),
    )
    spec = NetworkSpec((None, None, 3), layers)
    random = np.random.default_rng(0)
    weights = initial_weights(spec, random)
    x = random.normal(size=(3, 9, 3))
    together, fewer = RNN(spec, weights), RNN(spec, weights)
    for rows, steps in ((3, slice(0, 4)), (2, slice(4, 7)), (1, slice(7, 9))):
        fewer.keep_rows(rows)
        expected = together.read(x[:, steps])[:rows]
        np.testing.assert_allclose(fewer.read(x[:rows, steps]), expected, atol=1e-6)
        assert all(len(state) == rows for states in fewer.states.values() for state in states)


def test_steps_one_by_one_have_no_rows_to_keep():
    spec = NetworkSpec((None, None, 1), (LayerSpec("GlobalMaxPooling1D"),))
    rnn = RNN(spec, [])
    rnn.keep_rows(1)
    rnn.step(np.array([2.0]))
    rnn.keep_rows(1)
    assert rnn.step(np.array([1.0])) == 2
