import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.numpy_rnn import Network, RMSprop, initial_weights, loss_and_gradient
from tests.numpy_rnn.checks import (
    BATCH,
    CELLS,
    FEATURES,
    HEADS,
    HIDDEN_FEEDBACK,
    MASK,
    TIME,
    UNITS,
    assert_gradient,
    by_differences,
    cell,
    network,
    random_input,
    random_weights,
)

DIRECTIONS = ("forward", "backward", "concat")
STACKED = NetworkSpec(
    (None, TIME, FEATURES),
    (
        LayerSpec("Masking"),
        LayerSpec("Bidirectional", {"layer": cell("GRU", return_sequences=True)}),
        LayerSpec("Dropout", {"rate": 0.4}),
        LayerSpec("Dense", {"units": 3, "activation": "tanh"}),
        cell("LSTM", return_sequences=True, go_backwards=True),
        LayerSpec("Bidirectional", {"layer": cell("SimpleRNN"), "merge_mode": "mul"}),
        LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
    ),
)
# Keras says so where a Masking meets a layer that goes by all steps.
all_steps = pytest.mark.filterwarnings("ignore:.*was passed an input with a mask attached")


def check_gradients(spec, x, mask=None, seed=None, step=5e-5):
    """Every weight and the input by differences; `seed` is that of the dropout, if any."""
    weights = random_weights(spec)
    done = Network(spec, weights)
    training = seed is not None

    def forward(keep=False):
        rng = np.random.default_rng(seed) if training else None
        return done.forward(x, training=training, rng=rng, keep=keep)

    probe = np.random.default_rng(2).normal(size=forward().shape)
    forward(keep=True)
    gradients, of_x = done.backward(probe)
    assert of_x is not None

    def loss():
        return (forward() * probe).sum()

    for weight, array, gradient in zip(spec.weights(), done.weights, gradients, strict=True):
        assert_gradient(gradient, by_differences(loss, array, step), str(weight))
    numbers = by_differences(loss, x, step)
    if mask is not None:
        # A masked step is read as soon as one of its numbers isn't the mask's.
        assert not of_x[~mask].any()
        numbers[~mask] = 0
    assert_gradient(of_x, numbers, "input")


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_gradients_by_differences(name, direction, head, mask):
    spec = network(name, head=head, direction=direction, mask=mask is not None)
    check_gradients(spec, random_input(mask=mask is not None), mask)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("options", [{}, {"activation": "tanh", "use_bias": False}])
def test_gradients_of_hidden_feedback(direction, head, mask, options):
    masked = mask is not None
    spec = network(HIDDEN_FEEDBACK, head=head, direction=direction, mask=masked, **options)
    check_gradients(spec, random_input(mask=masked), mask)


@pytest.mark.parametrize("mode", ["sum", "mul", "ave"])
@pytest.mark.parametrize("head", ["last", "every step"])
def test_gradients_of_merge_modes(mode, head):
    check_gradients(network("GRU", head=head, direction=mode), random_input())


@pytest.mark.parametrize("seed", [None, 3])
def test_gradients_of_many_layers_with_dropout(seed):
    # The deeper the network, the smaller are differences beside the rounding of its output.
    check_gradients(STACKED, random_input(mask=True), MASK, seed, step=2e-4)


def test_gradients_of_a_stateful_network_stop_at_the_beginning_of_the_window():
    spec = network("LSTM", stateful=True, batch=BATCH)
    done = Network(spec, random_weights(spec))
    x = random_input()
    done.forward(random_input(seed=8))
    states = done.states

    def loss():
        done.states = states
        return done.forward(x, keep=True)[:, 0].sum()

    loss()
    gradients, of_x = done.backward(np.eye(3)[[0, 0, 0]])
    assert of_x is not None
    assert_gradient(of_x, by_differences(loss, x))
    for array, gradient in zip(done.weights, gradients, strict=True):
        assert_gradient(gradient, by_differences(loss, array))


def check_against_keras(spec, *, mask=False):
    """Output and gradients in float32."""
    weights = random_weights(spec, np.float32)
    x = random_input(np.float32, mask=mask)
    model = build_network(spec, weights)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        expected = model(tensor)
        probe = np.random.default_rng(2).normal(size=expected.shape).astype(np.float32)
        loss = tf.reduce_sum(expected * probe)
    variables = [variable.value for variable in model.trainable_variables]
    theirs = tape.gradient(loss, [*variables, tensor])

    done = Network(spec, weights)
    actual = done.forward(x, keep=True)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    gradients, of_x = done.backward(probe)
    for ours, their in zip([*gradients, of_x], theirs, strict=True):
        assert ours is not None
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, their, atol=1e-4, rtol=1e-4)


@all_steps
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    ("head", "mask"),
    [
        ("last", True),
        ("every step", True),
        ("Flatten", True),
        ("GlobalAveragePooling1D", True),
        ("GlobalMaxPooling1D", True),
        ("mean", True),
        ("max", True),
        ("mean_max", True),
        ("last", False),
        ("Flatten", False),
        ("mean_max", False),
    ],
)
def test_equal_to_keras(name, direction, head, mask):
    check_against_keras(network(name, head=head, direction=direction, mask=mask), mask=mask)


@all_steps
@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("options", [{}, {"activation": "tanh", "use_bias": False}])
def test_hidden_feedback_is_equal_to_the_keras_layer(direction, head, mask, options):
    spec = network(HIDDEN_FEEDBACK, head=head, direction=direction, mask=mask, **options)
    check_against_keras(spec, mask=mask)


@pytest.mark.parametrize("mode", ["sum", "mul", "ave"])
@pytest.mark.parametrize("head", ["last", "every step"])
def test_merge_modes_are_those_of_keras(mode, head):
    spec = network("SimpleRNN", head=head, direction=mode, mask=True)
    check_against_keras(spec, mask=True)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("activation", ["relu", "linear", "sigmoid", "hard_sigmoid"])
def test_activations_are_those_of_keras(name, activation):
    gate = {} if name == "SimpleRNN" else {"recurrent_activation": "hard_sigmoid"}
    check_against_keras(network(name, activation=activation, use_bias=False, **gate))


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("head", ["last", "every step"])
def test_zero_output_for_mask_is_that_of_keras(go_backwards, head):
    direction = "backward" if go_backwards else "forward"
    spec = network("LSTM", head=head, direction=direction, mask=True, zero_output_for_mask=True)
    check_against_keras(spec, mask=True)


def test_many_layers_are_equal_to_keras():
    check_against_keras(STACKED, mask=True)


def test_dropout_inside_a_layer_does_nothing_to_a_prediction():
    check_against_keras(network("GRU", dropout=0.3, recurrent_dropout=0.3))


@pytest.mark.parametrize("name", [*CELLS, HIDDEN_FEEDBACK])
def test_states_are_carried_as_by_keras(name):
    layers = (
        LayerSpec("Masking"),
        cell(name, stateful=True, return_sequences=True),
        cell(name, stateful=True),
    )
    spec = NetworkSpec((BATCH, None, FEATURES), layers)
    weights = random_weights(spec, np.float32)
    model, done = build_network(spec, weights), Network(spec, weights)
    for seed in (1, 2, 3):
        x = random_input(np.float32, mask=True, seed=seed)
        np.testing.assert_allclose(done.forward(x), model(x), atol=1e-5)
    for layer in model.layers[1:]:
        layer.reset_state()
    done.reset_states()
    x = random_input(np.float32, mask=True, seed=4)
    np.testing.assert_allclose(done.forward(x), model(x), atol=1e-5)


def test_windows_of_a_stateful_network_equal_the_whole_text():
    layers = (cell("LSTM", return_sequences=True), cell("GRU", return_sequences=True))
    whole = NetworkSpec((None, None, FEATURES), layers)
    carrying = NetworkSpec(
        (BATCH, None, FEATURES),
        tuple(LayerSpec(one.class_name, {**one.config, "stateful": True}) for one in layers),
    )
    weights = random_weights(whole)
    x = random_input(time=9)
    done = Network(carrying, weights)
    windows = [done.forward(window) for window in np.split(x, [2, 6, 7], axis=1)]
    np.testing.assert_array_equal(
        np.concatenate(windows, axis=1), Network(whole, weights).forward(x)
    )


def test_states_can_be_put_away_and_set_again():
    spec = network("LSTM", stateful=True, batch=BATCH)
    done = Network(spec, random_weights(spec))
    assert done.states == {}
    done.forward(random_input())
    states = done.states
    assert [array.shape for array in states[0, ""]] == [(BATCH, UNITS)] * 2
    expected = done.forward(random_input(seed=5))
    done.states = states
    np.testing.assert_array_equal(done.forward(random_input(seed=5)), expected)
    with pytest.raises(ValueError, match="Layer 1 has no state '' that it carries"):
        done.states = {(1, ""): states[0, ""]}
    stateless = network("LSTM")
    with pytest.raises(ValueError, match="Layer 0 has no state"):
        Network(stateless, random_weights(stateless)).states = states


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("mask", [False, True])
def test_projected_inputs_give_the_same(direction, name, mask):
    spec = network(name, direction=direction, mask=mask)
    done = Network(spec, random_weights(spec))
    x = random_input(mask=mask)
    probe = np.random.default_rng(2).normal(size=(BATCH, 3))
    expected = done.forward(x, keep=True)
    gradients, of_x = done.backward(probe)

    projected = done.project_inputs(x)
    assert len(projected) == (2 if direction == "concat" else 1)
    actual = done.forward_projected(projected, mask=MASK if mask else None, keep=True)
    np.testing.assert_array_equal(actual, expected)
    found, of_projected = done.backward_projected(probe)
    rest = iter(of_projected)
    of_input = np.zeros_like(x)
    for weight, array, gradient, other in zip(
        spec.weights(), done.weights, gradients, found, strict=True
    ):
        if weight.name == "kernel" and weight.layer == int(mask):
            assert other is None
            part = next(rest)
            other = np.einsum("btf,btk->fk", x, part)
            of_input = of_input + part @ array.T
        assert other is not None
        np.testing.assert_allclose(other, gradient, atol=1e-12)
    assert of_x is not None
    np.testing.assert_allclose(of_input * (MASK[..., np.newaxis] if mask else 1), of_x)


def test_the_gradient_of_the_input_is_left_out_on_demand():
    for spec in (STACKED, network("GRU", head="Flatten")):
        done = Network(spec, random_weights(spec))
        output = done.forward(random_input(mask=True), keep=True)
        expected, _ = done.backward(np.ones_like(output))
        actual, of_x = done.backward(np.ones_like(output), input_gradient=False)
        assert of_x is None
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_masks_go_where_keras_lets_them():
    masked = random_input(mask=True)
    every = network("GRU", head="every step", mask=True)
    done = Network(every, random_weights(every))
    done.forward(masked)
    np.testing.assert_array_equal(done.output_mask, MASK)
    for head in ("last", "Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "mean_max"):
        spec = network("GRU", head=head, mask=True)
        done = Network(spec, random_weights(spec))
        done.forward(masked)
        assert done.output_mask is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_changed_and_types_stay(dtype):
    weights = random_weights(STACKED, dtype)
    copies = [weight.copy() for weight in weights]
    done = Network(STACKED, weights)
    x = random_input(dtype, mask=True)
    output = done.forward(x, training=True, rng=np.random.default_rng(0))
    probe = np.ones_like(output)
    gradients, of_x = done.backward(probe)
    assert of_x is not None
    assert {array.dtype for array in (output, of_x, *gradients)} == {np.dtype(dtype)}
    assert done.dtype == dtype
    RMSprop().update(done.weights, gradients, RMSprop().start(done.weights))
    np.testing.assert_array_equal(x, random_input(dtype, mask=True))
    assert (probe == 1).all()
    for weight, copy in zip(weights, copies, strict=True):
        np.testing.assert_array_equal(weight, copy)


def test_input_is_read_in_the_type_of_the_weights():
    spec = network("SimpleRNN")
    done = Network(spec, random_weights(spec, np.float32))
    whole_numbers = np.ones((BATCH, TIME, FEATURES), int)
    assert done.forward(whole_numbers).dtype == np.float32


def test_dropout_takes_its_chance_from_the_generator_alone():
    spec = NetworkSpec((None, None, FEATURES), (cell("GRU"), LayerSpec("Dropout", {"rate": 0.5})))
    done = Network(spec, random_weights(spec))
    x = random_input(batch=50)
    plain = done.forward(x)
    first, again, other = (
        done.forward(x, training=True, rng=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert ((first == 0) | np.isclose(first, 2 * plain)).all()


@pytest.mark.parametrize("name", CELLS)
def test_it_learns_to_tell_whether_a_number_came_early(name):
    """Every weight moves, and the loss falls to a tenth."""
    layers = (
        LayerSpec(
            "LSTM" if name == "LSTM" else cell(name).class_name, {**cell(name).config, "units": 8}
        ),
        LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
    )
    spec = NetworkSpec((None, 6, 1), layers)
    random = np.random.default_rng(0)
    done = Network(spec, initial_weights(spec, random))
    before = [weight.copy() for weight in done.weights]
    optimizer = RMSprop(learning_rate=0.01)
    state = optimizer.start(done.weights)
    places = random.integers(0, 6, 64)
    x, target = np.eye(6)[places][..., np.newaxis], (places < 3)[:, np.newaxis]
    losses = []
    for _ in range(150):
        output = done.forward(x, training=True)
        found = loss_and_gradient("binary_crossentropy", target, output, activation="sigmoid")
        gradients, _ = done.backward(found.gradient, of_sum=found.of_sum)
        optimizer.update(done.weights, gradients, state)
        losses.append(found.loss)
    assert losses[-1] < losses[0] / 10
    for old, new in zip(before, done.weights, strict=True):
        assert (old != new).any()


def test_training_follows_keras():
    """The textbook's network in small: the same weights and batches, no dropout, 20 steps."""
    spec = NetworkSpec(
        (None, TIME, FEATURES),
        (
            cell("SimpleRNN", return_sequences=True),
            LayerSpec("Flatten"),
            LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
        ),
    )
    weights = random_weights(spec, np.float32)
    model = build_network(spec, weights)
    model.compile(optimizer=keras.optimizers.RMSprop(0.01), loss="binary_crossentropy")
    done = Network(spec, weights)
    optimizer = RMSprop(0.01)
    state = optimizer.start(done.weights)
    for seed in range(20):
        x = random_input(np.float32, seed=seed, batch=8)
        target = np.random.default_rng(seed).integers(0, 2, (8, 1))
        found = loss_and_gradient(
            "binary_crossentropy", target, done.forward(x, training=True), activation="sigmoid"
        )
        gradients, _ = done.backward(found.gradient, of_sum=True, input_gradient=False)
        optimizer.update(done.weights, gradients, state)
        assert float(model.train_on_batch(x, target)) == pytest.approx(found.loss, abs=1e-4)
        model.reset_metrics()
    for actual, expected in zip(done.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-4)


def small(*layers, batch=None, time=None):
    spec = NetworkSpec((batch, time, FEATURES), layers)
    return Network(spec, random_weights(spec))


def test_weights_that_do_not_fit_are_refused():
    spec = NetworkSpec((None, None, 2), (LayerSpec("SimpleRNN", {"units": 3}),))
    weights = random_weights(spec)
    with pytest.raises(ValueError, match=r"shapes \[\(2, 3\), \(3, 3\), \(3,\)\]. Received: \[\]"):
        Network(spec, [])
    with pytest.raises(ValueError, match=r"Received: \[\(3, 3\), \(3, 3\), \(3,\)\]"):
        Network(spec, [weights[1], *weights[1:]])
    with pytest.raises(ValueError, match=r"all float32 or all float64. Received: \['float16'\]"):
        Network(spec, [weight.astype(np.float16) for weight in weights])
    with pytest.raises(ValueError, match=r"Received: \['float32', 'float64'\]"):
        Network(spec, [weights[0].astype(np.float32), *weights[1:]])


def test_a_bidirectional_layer_must_not_go_backwards_itself():
    """Keras refuses it too."""
    layer = LayerSpec("Bidirectional", {"layer": cell("GRU", go_backwards=True)})
    with pytest.raises(ValueError, match="must not go backwards itself"):
        small(layer)
    with pytest.raises(ValueError, match="different `go_backwards`"):
        build_network(NetworkSpec((None, None, 2), (layer,)))


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 4), (3, 0, 2)])
def test_an_input_that_does_not_fit_is_refused(shape):
    message = r"Expected an input \(batch, time of at least 1, 2\). Received: "
    with pytest.raises(ValueError, match=message + re.escape(str(shape))):
        small(cell("GRU")).forward(np.ones(shape))


def test_the_time_may_differ_but_where_a_layer_depends_on_it():
    mean = small(cell("GRU", return_sequences=True), LayerSpec("GlobalAveragePooling1D"), time=5)
    assert mean.forward(np.ones((3, 9, 2))).shape == (3, UNITS)
    flat = small(
        cell("GRU", return_sequences=True),
        LayerSpec("Flatten"),
        LayerSpec("Dense", {"units": 1}),
        time=5,
    )
    with pytest.raises(ValueError, match="Dense, expects 20 inputs: 5 time steps. Received: 36"):
        flat.forward(np.ones((3, 9, 2)))


def test_a_stateful_network_refuses_another_batch_size():
    message = "Expected batch size: 3. Received batch size: 4"
    fixed = small(cell("GRU", stateful=True), batch=3)
    with pytest.raises(ValueError, match=message):
        fixed.forward(np.ones((4, 5, 2)))
    any_size = small(cell("GRU", stateful=True))
    any_size.forward(np.ones((3, 5, 2)))
    with pytest.raises(ValueError, match=message):
        any_size.forward(np.ones((4, 5, 2)))
    any_size.reset_states()
    any_size.forward(np.ones((4, 5, 2)))


def test_what_cannot_be_trained_is_refused():
    x = np.ones((3, 5, 2))
    with pytest.raises(ValueError, match="Training with Dropout takes a random generator"):
        small(cell("GRU"), LayerSpec("Dropout", {"rate": 0.5})).forward(x, training=True)
    for key in ("dropout", "recurrent_dropout"):
        options = {key: 0.25}
        inner = cell("LSTM", **options)
        for layer in (inner, LayerSpec("Bidirectional", {"layer": inner})):
            with pytest.raises(ValueError, match=f"LSTM has a {key} of 0.25: here only Dropout"):
                small(layer).forward(x, training=True)


def test_going_back_takes_a_pass_that_was_kept():
    done = small(cell("GRU"))
    x, gradient = np.ones((3, 5, 2)), np.ones((3, UNITS))
    with pytest.raises(ValueError, match="expected a call of forward with training=True"):
        done.backward(gradient)
    done.forward(x, training=True)
    with pytest.raises(ValueError, match="expected a call of forward_projected"):
        done.backward_projected(gradient)
    with pytest.raises(ValueError, match=r"output \(3, 4\). Received: \(3, 1\)"):
        done.backward(gradient[:, :1])
    message = "of_sum takes a Dense or OutputFeedbackRNN as last layer. Received: GRU"
    with pytest.raises(ValueError, match=message):
        done.backward(gradient, of_sum=True)
    done.forward(x)
    with pytest.raises(ValueError, match="nothing to go back through"):
        done.backward(gradient)
    done.forward_projected(done.project_inputs(x), keep=True)
    with pytest.raises(ValueError, match="expected a call of forward with"):
        done.backward(gradient)


def test_projected_inputs_are_those_of_a_recurrent_layer_at_the_beginning():
    done = small(LayerSpec("Dense", {"units": 3}), cell("GRU"))
    message = "a recurrent layer at the beginning.*Received the layers: Dense, GRU"
    with pytest.raises(ValueError, match=message):
        done.project_inputs(np.ones((3, 5, 2)))
    with pytest.raises(ValueError, match=message):
        done.forward_projected([np.ones((3, 5, 12))])
    both = small(LayerSpec("Bidirectional", {"layer": cell("GRU")}))
    with pytest.raises(ValueError, match="projected inputs for 2 directions. Received: 1"):
        both.forward_projected([np.ones((3, 5, 12))])
