import numpy as np
import pytest

from sentiment_rnn.architectures import LayerSpec
from sentiment_rnn.architectures.layers import RECURRENT_GATES
from sentiment_rnn.numpy_rnn import cells, project, scan, scan_backward, split_bias
from tests.numpy_rnn.checks import (
    BATCH,
    CELLS,
    MASK,
    TIME,
    UNITS,
    assert_gradient,
    by_differences,
    cell,
)


def material(layer, dtype=np.float64):
    """Projected inputs, recurrent kernel, recurrent bias, initial state."""
    random = np.random.default_rng(0)
    columns = RECURRENT_GATES[layer.class_name] * UNITS
    two_biases = layer.class_name == "GRU" and layer["reset_after"]
    arrays = [
        random.normal(size=(BATCH, TIME, columns)),
        random.normal(0, 0.5, (UNITS, columns)),
        random.normal(size=columns) if two_biases else None,
        [random.normal(size=(BATCH, UNITS)) for _ in range(1 + (layer.class_name == "LSTM"))],
    ]
    return [
        None
        if array is None
        else [part.astype(dtype) for part in array]
        if isinstance(array, list)
        else array.astype(dtype)
        for array in arrays
    ]


def outputs_of(done):
    """The outputs of every step, which are there where they are kept or returned."""
    assert done.outputs is not None
    return done.outputs


def check_gradients(layer, mask=None, last=False):
    """All gradients of a scan, those through its final state included."""
    projected, recurrent_kernel, recurrent_bias, initial = material(layer)
    random = np.random.default_rng(1)
    of_outputs = random.normal(size=(BATCH, UNITS) if last else (BATCH, TIME, UNITS))
    of_state = [random.normal(size=(BATCH, UNITS)) for _ in initial]

    def run():
        return scan(
            layer, projected, recurrent_kernel, recurrent_bias, initial_state=initial, mask=mask
        )

    def loss():
        done = run()
        outputs = done.last if last else outputs_of(done)
        return (outputs * of_outputs).sum() + sum(
            (state * of).sum() for state, of in zip(done.state, of_state, strict=True)
        )

    found = scan_backward(run().kept, of_outputs, of_state)
    assert_gradient(found.projected, by_differences(loss, projected), "projected")
    assert_gradient(
        found.recurrent_kernel, by_differences(loss, recurrent_kernel), "recurrent_kernel"
    )
    if recurrent_bias is None:
        assert found.recurrent_bias is None
    else:
        assert_gradient(
            found.recurrent_bias, by_differences(loss, recurrent_bias), "recurrent_bias"
        )
    for array, gradient in zip(initial, found.initial_state, strict=True):
        assert_gradient(gradient, by_differences(loss, array), "initial_state")


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_gradients(name, go_backwards, mask, last, zero_output_for_mask):
    layer = cell(name, go_backwards=go_backwards, zero_output_for_mask=zero_output_for_mask)
    check_gradients(layer, mask, last)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_gradients_of_an_lstm_that_is_prepared_block_by_block(
    monkeypatch, steps, go_backwards, mask
):
    bytes_of_step = 4 * BATCH * UNITS * np.dtype(np.float64).itemsize
    monkeypatch.setattr(cells, "_NEAR", steps * bytes_of_step)
    check_gradients(cell("LSTM", go_backwards=go_backwards), mask)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid", "hard_sigmoid"])
def test_gradients_of_other_activations(name, activation):
    options = {} if name == "SimpleRNN" else {"recurrent_activation": "hard_sigmoid"}
    check_gradients(cell(name, activation=activation, **options))


def test_the_published_tutorials_product_fails_the_gradient_check(monkeypatch):
    """It propagates ``W_hh @ temp`` where the chain rule has ``W_hh.T @ temp``."""
    check_gradients(cell("SimpleRNN"))
    prepare = cells._SimpleRNN.prepare

    def untransposed(self, states):
        prepare(self, states)
        self._product_back = self._product

    monkeypatch.setattr(cells._SimpleRNN, "prepare", untransposed)
    with pytest.raises(AssertionError, match="projected: relative error"):
        check_gradients(cell("SimpleRNN"))


def test_a_gradient_can_be_computed_again():
    layer = cell("LSTM")
    projected, kernel, bias, _ = material(layer)
    kept = scan(layer, projected, kernel, bias).kept
    first, again = (scan_backward(kept, np.ones((BATCH, UNITS))) for _ in range(2))
    np.testing.assert_array_equal(first.projected, again.projected)
    np.testing.assert_array_equal(first.recurrent_kernel, again.recurrent_kernel)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_outputs_do_not_depend_on_what_is_kept(name, mask, return_sequences):
    layer = cell(name, return_sequences=return_sequences)
    projected, kernel, bias, initial = material(layer)
    kept, passing = (
        scan(layer, projected, kernel, bias, initial_state=initial, mask=mask, keep=keep)
        for keep in (True, False)
    )
    assert passing.kept is None
    assert (passing.outputs is None) == (not return_sequences)
    if return_sequences:
        np.testing.assert_array_equal(outputs_of(passing), outputs_of(kept))
    np.testing.assert_array_equal(passing.last, kept.last)
    for one, other in zip(passing.state, kept.state, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", CELLS)
def test_masked_steps_carry_the_state_and_repeat_the_output(name):
    """Each row gives what it gives without the masked steps."""
    layer = cell(name, return_sequences=True)
    projected, kernel, bias, initial = material(layer)
    done = scan(layer, projected, kernel, bias, initial_state=initial, mask=MASK)
    for row, mask in enumerate(MASK):
        alone = scan(
            layer,
            projected[row : row + 1, mask],
            kernel,
            bias,
            initial_state=[state[row : row + 1] for state in initial],
        )
        expected = np.zeros(UNITS)
        outputs = iter(outputs_of(alone)[0])
        for t, is_read in enumerate(mask):
            if is_read:
                expected = next(outputs)
            np.testing.assert_allclose(outputs_of(done)[row, t], expected, atol=1e-14)
        np.testing.assert_allclose(done.last[row], expected, atol=1e-14)
        for state, state_alone in zip(done.state, alone.state, strict=True):
            np.testing.assert_allclose(state[row], state_alone[0], atol=1e-14)


def test_zero_output_for_mask():
    layer = cell("GRU", return_sequences=True, zero_output_for_mask=True)
    projected, kernel, bias, initial = material(layer)
    options = {"initial_state": initial, "mask": MASK}
    zeroed = scan(layer, projected, kernel, bias, **options)
    repeated = scan(cell("GRU", return_sequences=True), projected, kernel, bias, **options)
    np.testing.assert_array_equal(outputs_of(zeroed), outputs_of(repeated) * MASK[..., np.newaxis])
    np.testing.assert_array_equal(zeroed.last, repeated.last * MASK[:, -1:])
    np.testing.assert_array_equal(zeroed.state[0], repeated.state[0])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_row_that_is_masked_throughout_keeps_its_state(name, masked):
    layer = cell(name, return_sequences=True)
    projected, kernel, bias, initial = material(layer)
    mask = np.zeros((BATCH, TIME), bool)
    mask[1:] = masked
    done = scan(layer, projected, kernel, bias, initial_state=initial, mask=mask)
    for state, old in zip(done.state, initial, strict=True):
        np.testing.assert_array_equal(state[0], old[0])
    assert not outputs_of(done)[0].any()
    found = scan_backward(done.kept, np.ones((BATCH, TIME, UNITS)))
    assert not found.projected[0].any()
    assert found.projected[1:].any() == masked
    assert np.isfinite(found.recurrent_kernel).all()


@pytest.mark.parametrize("name", CELLS)
def test_windows_with_the_state_carried_equal_the_whole_sequence(name):
    layer = cell(name, return_sequences=True)
    projected, kernel, bias, initial = material(layer)
    whole = scan(layer, projected, kernel, bias, initial_state=initial)
    first = scan(layer, projected[:, :2], kernel, bias, initial_state=initial)
    second = scan(layer, projected[:, 2:], kernel, bias, initial_state=first.state)
    np.testing.assert_array_equal(
        np.concatenate([outputs_of(first), outputs_of(second)], axis=1), outputs_of(whole)
    )


@pytest.mark.parametrize("name", CELLS)
def test_truncated_backpropagation_lacks_what_goes_through_the_state_between_windows(name):
    layer = cell(name, return_sequences=True)
    projected, kernel, bias, _ = material(layer)
    gradient = np.random.default_rng(1).normal(size=(BATCH, TIME, UNITS))
    full = scan_backward(scan(layer, projected, kernel, bias).kept, gradient)
    first = scan(layer, projected[:, :2], kernel, bias)
    second = scan(layer, projected[:, 2:], kernel, bias, initial_state=first.state)
    later = scan_backward(second.kept, gradient[:, 2:])
    truncated = scan_backward(first.kept, gradient[:, :2])
    # What the later window would hand on to the one before.
    between = scan_backward(first.kept, None, later.initial_state)
    np.testing.assert_allclose(later.projected, full.projected[:, 2:], atol=1e-14)
    np.testing.assert_allclose(
        truncated.projected + between.projected, full.projected[:, :2], atol=1e-14
    )
    in_windows = truncated.recurrent_kernel + later.recurrent_kernel
    np.testing.assert_allclose(
        in_windows + between.recurrent_kernel, full.recurrent_kernel, atol=1e-13
    )
    assert np.abs(in_windows - full.recurrent_kernel).max() > 1e-3


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_changed_types_stay_and_memory_order_does_not_matter(name, go_backwards, dtype):
    layer = cell(name, go_backwards=go_backwards)
    projected, kernel, bias, initial = material(layer, dtype)
    mask = MASK.copy()
    arrays = [projected, kernel, *initial, mask] + ([] if bias is None else [bias])
    copies = [array.copy() for array in arrays]
    options = {"initial_state": initial, "mask": mask}
    done = scan(layer, projected, kernel, bias, **options)
    gradient = np.ones((BATCH, TIME, UNITS), dtype)
    found = scan_backward(done.kept, gradient, initial)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert (gradient == 1).all()
    results = [outputs_of(done), done.last, *done.state]
    results += [found.projected, found.recurrent_kernel, *found.initial_state]
    assert {array.dtype for array in results} == {np.dtype(dtype)}
    by_time = np.ascontiguousarray(projected.swapaxes(0, 1)).swapaxes(0, 1)
    again = scan(layer, by_time, kernel, bias, **options)
    np.testing.assert_array_equal(outputs_of(again), outputs_of(done))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"layer": LayerSpec("Flatten")},
            "Expected a SimpleRNN, LSTM, GRU or HiddenFeedbackRNN. Received: Flatten",
        ),
        ({"projected": np.ones((3, 5, 4))}, r"\(batch, time of at least 1, 12\).*\(3, 5, 4\)"),
        ({"projected": np.ones((3, 0, 12))}, r"time of at least 1, 12\).*\(3, 0, 12\)"),
        ({"recurrent_kernel": np.ones((4, 4))}, r"recurrent kernel \(4, 12\).*\(4, 4\)"),
        ({"recurrent_bias": np.ones(4)}, r"recurrent bias \(12,\).*\(4,\)"),
        ({"layer": cell("GRU reset before")}, r"Expected no recurrent bias.*\(12,\)"),
        ({"projected": np.ones((3, 5, 12), np.float32)}, "same float type.*float32 and float64"),
        ({"mask": np.ones((5, 3), bool)}, r"Expected a mask \(3, 5\). Received: \(5, 3\)"),
        ({"initial_state": [np.ones((4, 3))]}, r"initial_state to be 1 arrays \(3, 4\)"),
        ({"initial_state": [np.ones((3, 4))] * 2}, r"Received: \[\(3, 4\), \(3, 4\)\]"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = {
        "layer": cell("GRU"),
        "projected": np.ones((3, 5, 12)),
        "recurrent_kernel": np.ones((4, 12)),
        "recurrent_bias": np.ones(12),
        **change,
    }
    with pytest.raises(ValueError, match=message):
        scan(**arguments)


def test_a_gradient_that_does_not_fit_is_refused():
    kept = scan(cell("SimpleRNN"), np.ones((3, 5, 4)), np.ones((4, 4))).kept
    with pytest.raises(ValueError, match=r"\(3, 5, 4\) or of the last one \(3, 4\).*\(3, 5\)"):
        scan_backward(kept, np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"state_gradient to be 1 arrays \(3, 4\)"):
        scan_backward(kept, None, [])
    passing = scan(cell("SimpleRNN"), np.ones((3, 5, 4)), np.ones((4, 4)), keep=False)
    with pytest.raises(ValueError, match="expected a scan with keep=True"):
        scan_backward(passing.kept, np.ones((3, 4)))


def test_softmax_inside_a_layer_is_not_trained():
    layer = cell("LSTM", recurrent_activation="softmax")
    kept = scan(layer, np.ones((3, 5, 16)), np.ones((4, 16))).kept
    with pytest.raises(ValueError, match="'softmax' can be run here, but not trained"):
        scan_backward(kept, None)


# torch is no dependency of the project; where it is, it is one more witness.


@pytest.mark.parametrize(
    ("name", "nonlinearity"), [("RNN", "tanh"), ("RNN", "relu"), ("LSTM", "tanh"), ("GRU", "tanh")]
)
def test_outputs_and_gradients_are_those_of_torch(name, nonlinearity):
    torch = pytest.importorskip("torch", reason="torch is not installed", exc_type=ImportError)
    torch.manual_seed(0)
    options = {"nonlinearity": nonlinearity} if name == "RNN" else {}
    theirs = getattr(torch.nn, name)(2, UNITS, batch_first=True, **options)
    # torch's GRU has the gates r, z, n; its arrays are transposed; it always has two biases.
    places = [1, 0, 2] if name == "GRU" else list(range({"RNN": 1, "LSTM": 4}.get(name, 0)))

    def gates(parameter):
        blocks = np.split(parameter.detach().numpy(), len(places))
        return np.concatenate([blocks[place] for place in places]).T.copy()

    kernel, recurrent_kernel = gates(theirs.weight_ih_l0), gates(theirs.weight_hh_l0)
    bias, recurrent_bias = gates(theirs.bias_ih_l0), gates(theirs.bias_hh_l0)
    class_name = {"RNN": "SimpleRNN"}.get(name, name)
    layer = LayerSpec(
        class_name, {"units": UNITS, "return_sequences": True, "activation": nonlinearity}
    )
    random = np.random.default_rng(0)
    x, gradient = (random.normal(size=(3, 7, n)).astype(np.float32) for n in (2, UNITS))

    tensor = torch.tensor(x, requires_grad=True)
    expected, _ = theirs(tensor)
    (expected * torch.tensor(gradient)).sum().backward()

    if name != "GRU":
        bias, recurrent_bias = bias + recurrent_bias, None
    projected = project(x, kernel, bias)
    done = scan(layer, projected, recurrent_kernel, recurrent_bias)
    found = scan_backward(done.kept, gradient)
    np.testing.assert_allclose(outputs_of(done), expected.detach().numpy(), atol=1e-5)

    def compare(actual, theirs):
        np.testing.assert_allclose(actual, theirs, atol=1e-4, rtol=1e-4)

    compare(found.projected @ kernel.T, tensor.grad.numpy())
    compare(found.recurrent_kernel, gates(theirs.weight_hh_l0.grad))
    rows = found.projected.reshape(-1, len(bias))
    compare(x.reshape(-1, 2).T @ rows, gates(theirs.weight_ih_l0.grad))
    compare(rows.sum(axis=0), gates(theirs.bias_ih_l0.grad))
    if name == "GRU":
        compare(found.recurrent_bias, gates(theirs.bias_hh_l0.grad))


def test_split_bias():
    bias = np.arange(24).reshape(2, 12)
    np.testing.assert_array_equal(split_bias(cell("GRU"), bias), bias)
    assert split_bias(cell("GRU"), None) == (None, None)
