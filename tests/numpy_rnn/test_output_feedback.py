import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.numpy_rnn import RNN, Network, initial_weights, loss_and_gradient
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from tests.numpy_rnn.checks import assert_gradient, by_differences, random_weights

BATCH, TIME, SYMBOLS, UNITS = 3, 6, 5, 4


def network(**options):
    settings = {"units": UNITS, "output_size": SYMBOLS, "return_sequences": True, **options}
    return NetworkSpec((BATCH, None, SYMBOLS), (LayerSpec("OutputFeedbackRNN", settings),))


def random_ids(seed=1, time=TIME):
    return np.random.default_rng(seed).integers(0, SYMBOLS, (BATCH, time))


def one_hot(ids, dtype=np.float64):
    return np.eye(SYMBOLS, dtype=dtype)[ids]


def by_equations(weights, ids, forced, y):
    """The outputs, character by character and row by row, as the design states them."""
    kernel, bias, output_kernel, output_bias = weights
    of_input, of_output = kernel[:, :UNITS], kernel[:, UNITS:]
    outputs = []
    for row in range(BATCH):
        previous, said = y[row], []
        for x in np.eye(SYMBOLS)[ids[row]]:
            if forced:
                previous = x
            h = np.tanh(np.concatenate([x @ of_input, previous @ of_output]) + bias)
            sums = h @ output_kernel + output_bias
            previous = np.exp(sums) / np.exp(sums).sum()
            said.append(previous)
        outputs.append(said)
    return np.array(outputs)


@pytest.mark.parametrize("forced", [False, True])
def test_outputs_follow_the_equations_and_are_carried_from_window_to_window(forced):
    spec = network(stateful=True)
    weights = random_weights(spec)
    done = Network(spec, weights)
    before = np.zeros((BATCH, SYMBOLS))
    for seed in (1, 2):
        ids = random_ids(seed)
        expected = by_equations(weights, ids, forced, before)
        actual = done.forward(one_hot(ids), training=forced)
        np.testing.assert_allclose(actual, expected, rtol=1e-12)
        before = expected[:, -1]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("options", [{}, {"use_bias": False, "activation": "relu"}])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_outputs_and_gradients_are_those_of_the_keras_layer(training, options, return_sequences):
    spec = network(stateful=True, return_sequences=return_sequences, **options)
    weights = random_weights(spec, np.float32)
    model, done = build_network(spec, weights), Network(spec, weights)
    for seed in (1, 2):
        x = one_hot(random_ids(seed), np.float32)
        tensor = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            expected = model(tensor, training=training)
            probe = np.random.default_rng(2).normal(size=expected.shape).astype(np.float32)
            loss = tf.reduce_sum(expected * probe)
        actual = done.forward(x, training=training)
        np.testing.assert_allclose(actual, expected, atol=1e-5)
        if training:
            variables = [variable.value for variable in model.trainable_variables]
            theirs = tape.gradient(loss, [*variables, tensor])
            gradients, of_x = done.backward(probe)
            for ours, their in zip([*gradients, of_x], theirs, strict=True):
                assert ours is not None
                np.testing.assert_allclose(ours, their, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("options", [{}, {"return_sequences": False}])
def test_gradients_by_differences(options):
    spec = network(**options)
    done = Network(spec, random_weights(spec))
    x = one_hot(random_ids())
    probe = np.random.default_rng(2).normal(size=done.forward(x).shape)
    done.forward(x, training=True)
    gradients, of_x = done.backward(probe)

    def loss():
        return (done.forward(x, training=True) * probe).sum()

    for weight, array, gradient in zip(spec.weights(), done.weights, gradients, strict=True):
        assert_gradient(gradient, by_differences(loss, array), str(weight))
    assert_gradient(of_x, by_differences(loss, x), "input")


def test_gradients_from_ids_are_those_from_one_hot_rows():
    spec = network()
    weights = random_weights(spec)
    ids, targets = random_ids(), one_hot(random_ids(7))
    done, embedded = Network(spec, weights), EmbeddedNetwork(spec, weights, np.eye(SYMBOLS))
    found = []
    for output, back in (
        (done.forward(one_hot(ids), training=True), done.backward),
        (embedded.forward(ids, training=True), embedded.backward),
    ):
        loss = loss_and_gradient("categorical_crossentropy", targets, output, activation="softmax")
        assert loss.of_sum
        found.append(back(loss.gradient, of_sum=True)[0])
        # The fused gradient is the one that goes through the softmax by itself.
        apart = loss_and_gradient("categorical_crossentropy", targets, output)
        found.append(back(apart.gradient)[0])
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)


def test_steps_are_those_of_the_whole_text():
    spec = network()
    weights = random_weights(spec)
    x = one_hot(random_ids())
    whole = Network(spec, weights).forward(x)
    rnn = RNN(spec, weights)
    for t in range(TIME):
        np.testing.assert_allclose(rnn.step(x[:, t]), whole[:, t], rtol=1e-12)
    rnn.reset_states()
    np.testing.assert_allclose(rnn.read(x), whole[:, -1], rtol=1e-12)


def test_forced_it_knows_nothing_but_the_last_character():
    spec = network()
    done = Network(spec, random_weights(spec))
    ids = random_ids()
    others = np.concatenate([random_ids(9)[:, :-1], ids[:, -1:]], axis=1)

    def last(each, training):
        return done.forward(one_hot(each), training=training)[:, -1]

    np.testing.assert_array_equal(last(ids, True), last(others, True))
    assert np.abs(last(ids, False) - last(others, False)).max() > 1e-3


def test_initial_weights_are_drawn_as_by_the_keras_layer():
    spec = network()
    ours = initial_weights(spec, np.random.default_rng(0))
    keras.utils.set_random_seed(0)
    for weight, array, theirs in zip(
        spec.weights(), ours, build_network(spec).get_weights(), strict=True
    ):
        assert array.shape == theirs.shape, weight
        assert abs(array.std() - theirs.std()) < 0.15, weight


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Network(network(), random_weights(network())).forward(
                one_hot(random_ids()), keep=True
            ),
            "runs on its own outputs can't be gone back through. Expected training=True",
        ),
        (
            lambda: NetworkSpec(
                (None, None, 7),
                (LayerSpec("OutputFeedbackRNN", {"units": 2, "output_size": 5}),),
            ),
            "Expected an output_size of 7. Received: 5",
        ),
        (
            lambda: NetworkSpec((None, None, SYMBOLS), (LayerSpec("Masking"), *network().layers)),
            "OutputFeedbackRNN reads all steps: there can be no Masking",
        ),
        (
            lambda: Network(network(), random_weights(network())).forward_projected(
                [np.zeros((BATCH, TIME, 2 * UNITS))], mask=np.ones((BATCH, TIME), bool)
            ),
            "OutputFeedbackRNN reads all steps. Expected no Masking before it",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
