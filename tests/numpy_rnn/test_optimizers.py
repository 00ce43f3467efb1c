import keras
import numpy as np
import pytest
import tensorflow as tf

from sentiment_rnn.numpy_rnn import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    RMSprop,
    clip_by_global_norm,
    clip_by_value,
)

RANDOM = np.random.default_rng(0)
SHAPES = [(3, 4), (4,), (2, 5)]


def arrays(scale=1.0, dtype=np.float32):
    return [RANDOM.normal(0, scale, shape).astype(dtype) for shape in SHAPES]


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(),
        SGD(learning_rate=0.1, momentum=0.9),
        SGD(learning_rate=0.1, momentum=0.8, nesterov=True),
        RMSprop(),
        RMSprop(learning_rate=0.01, rho=0.7, momentum=0.5, epsilon=1e-3),
        Adam(),
        Adam(learning_rate=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
        Adagrad(),
        Adagrad(learning_rate=0.1, initial_accumulator_value=0.3, epsilon=1e-2),
        Adadelta(),
        Adadelta(learning_rate=1.0, rho=0.8, epsilon=1e-5),
    ],
    ids=str,
)
def test_twenty_steps_are_those_of_keras(optimizer):
    weights = arrays()
    settings = {name: getattr(optimizer, name) for name in optimizer.__dataclass_fields__}
    theirs = getattr(keras.optimizers, type(optimizer).__name__)(**settings)
    variables = [keras.Variable(weight) for weight in weights]
    state = optimizer.start(weights)
    for step in range(20):
        # Small ones let the place of epsilon show; zeros must not divide by zero.
        gradients = arrays(1e-3 if step % 2 else 1.0)
        gradients[0][0] = 0
        optimizer.update(weights, gradients, state)
        theirs.apply([tf.constant(gradient) for gradient in gradients], variables)
        for actual, expected in zip(weights, variables, strict=True):
            np.testing.assert_allclose(actual, expected.numpy(), atol=1e-6)
            assert actual.dtype == np.float32
    assert state.iterations == 20


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_keras(name):
    ours, theirs = OPTIMIZERS[name](), keras.optimizers.get(name)
    for setting in ours.__dataclass_fields__:
        assert getattr(ours, setting) == pytest.approx(float(getattr(theirs, setting)))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_changed_in_place_and_gradients_not_at_all(name, dtype):
    optimizer = OPTIMIZERS[name]()
    weights, gradients = arrays(dtype=dtype), arrays(dtype=dtype)
    same, copies = list(weights), [gradient.copy() for gradient in gradients]
    before = [weight.copy() for weight in weights]
    state = optimizer.start(weights)
    optimizer.update(weights, gradients, state)
    for weight, identical, old in zip(weights, same, before, strict=True):
        assert weight is identical
        assert weight.dtype == dtype
        assert (weight != old).all()
    for gradient, copy in zip(gradients, copies, strict=True):
        np.testing.assert_array_equal(gradient, copy)
    assert all(slot.dtype == dtype for slots in state.slots.values() for slot in slots)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_learning_rate_can_be_set_for_a_step(name):
    weights, gradients = arrays(), arrays()
    results = []
    for optimizer, rate in ((OPTIMIZERS[name](), 0.3), (OPTIMIZERS[name](learning_rate=0.3), None)):
        own = [weight.copy() for weight in weights]
        optimizer.update(own, gradients, optimizer.start(own), learning_rate=rate)
        results.append(own)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(learning_rate=-1.0), "learning_rate must be a finite number.*-1.0"),
        (lambda: Adam(learning_rate=float("nan")), "learning_rate must be a finite number.*nan"),
        (lambda: SGD(momentum=1.0), "momentum must be at least 0 and below 1. Received: 1.0"),
        (lambda: RMSprop(rho=1.5), "rho must be at least 0 and below 1. Received: 1.5"),
        (lambda: Adam(epsilon=-1.0), "epsilon must be at least 0 and finite. Received: -1.0"),
        (lambda: Adam(beta_2=-0.1), "beta_2 must be at least 0 and below 1. Received: -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_share_may_be_large():
    assert RMSprop(epsilon=1.0).epsilon == 1
    assert Adagrad(initial_accumulator_value=2.0).start([np.ones(1)]).slots == {
        "accumulator": [np.array([2.0])]
    }


def test_arrays_that_do_not_fit_are_refused():
    adam, weights = Adam(), arrays()
    state = adam.start(weights)
    with pytest.raises(ValueError, match=r"Received gradients: \[\(3, 4\)\], state: "):
        adam.update(weights, arrays()[:1], state)
    with pytest.raises(ValueError, match="Expected gradients and a state for weights"):
        adam.update(weights[:1], arrays()[:1], state)
    with pytest.raises(ValueError, match="learning_rate must be a finite number"):
        adam.update(weights, arrays(), state, learning_rate=float("inf"))
    assert state.iterations == 0


@pytest.mark.parametrize("limit", [0.5, 100])
def test_clipping_by_value_is_that_of_tensorflow(limit):
    gradients = arrays()
    copies = [gradient.copy() for gradient in gradients]
    for actual, gradient in zip(clip_by_value(gradients, limit), gradients, strict=True):
        np.testing.assert_array_equal(actual, tf.clip_by_value(gradient, -limit, limit))
        assert actual.dtype == np.float32
    for gradient, copy in zip(gradients, copies, strict=True):
        np.testing.assert_array_equal(gradient, copy)


@pytest.mark.parametrize("limit", [0.5, 1.25, 100])
def test_clipping_by_global_norm_is_that_of_tensorflow(limit):
    gradients = arrays()
    copies = [gradient.copy() for gradient in gradients]
    actual, norm = clip_by_global_norm(gradients, limit)
    expected, their_norm = tf.clip_by_global_norm(gradients, limit)
    assert norm == pytest.approx(float(their_norm), rel=1e-6)
    for one, other, gradient, copy in zip(actual, expected, gradients, copies, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
        assert one.dtype == np.float32
        np.testing.assert_array_equal(gradient, copy)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_norm_that_is_no_number_spoils_all_gradients_as_in_tensorflow(bad):
    gradients = [np.array([1.0, bad], np.float32), np.ones(3, np.float32)]
    clipped, norm = clip_by_global_norm(gradients, 1)
    assert not np.isfinite(norm)
    assert all(np.isnan(gradient).all() for gradient in clipped)
    theirs, _ = tf.clip_by_global_norm(gradients, 1)
    assert all(np.isnan(gradient).all() for gradient in theirs)


def test_zeros_stay_zeros():
    clipped, norm = clip_by_global_norm([np.zeros(3)], 1)
    assert norm == 0
    assert not clipped[0].any()


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_global_norm])
@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_is_above_zero(clip, limit):
    with pytest.raises(ValueError, match="The limit must be above 0. Received"):
        clip([np.ones(2)], limit)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_large_weight_is_changed_like_its_parts(name):
    """It is worked on in pieces, but for one that doesn't lie in memory in a row."""
    random = np.random.default_rng(1)
    weight, gradient = random.standard_normal((2, 300, 300))
    optimizer = OPTIMIZERS[name]()
    found = []
    for weights in ([weight.copy()], [weight.copy(order="F")], [row.copy() for row in weight]):
        gradients = [gradient] if len(weights) == 1 else list(gradient)
        state = optimizer.start(weights)
        for _ in range(3):
            optimizer.update(weights, gradients, state)
        found.append(np.concatenate([np.atleast_2d(array) for array in weights]))
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[2])
    assert not np.array_equal(found[0], weight)
