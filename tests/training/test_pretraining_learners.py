import dataclasses

import numpy as np
import pytest

from sentiment_rnn.numpy_rnn.next_words import count_targets
from sentiment_rnn.preprocessing.padding import pad_sequences
from sentiment_rnn.training.config import PretrainingConfig
from sentiment_rnn.training.pretraining import nats
from sentiment_rnn.training.pretraining_learners import make_learner, recurrent_part
from tests.training.tasks import passes_with
from tests.training.test_pretraining import language, task


def learners(network=None, *, dropout=0.0, engines=("numpy", "keras"), **config):
    job = task(network=network, **{"clip_norm": 1e5, **config})
    spec = recurrent_part(job.network)
    weights = job.weights[: len(spec.weights())]
    before = [array.copy() for array in (*weights, job.vectors)]
    made = [
        make_learner(
            spec,
            weights,
            job.vectors,
            dataclasses.replace(job.config, engine=engine),
            job.seed,
            dropout=dropout,
            time=11,
            batches=4,
        )
        for engine in engines
    ]
    return made, before, [*weights, job.vectors]


@pytest.mark.parametrize(
    "network",
    [
        {"bidirectional": True},
        # Between layers each engine drops by its own chance.
        pytest.param({"layers": 2, "cell": "gru", "dropout": 0}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("clip_norm", [1e5, 0.1])
def test_both_engines_take_the_same_steps(network, clip_norm):
    (numpy, keras), before, begun = learners(network, clip_norm=clip_norm)
    # A text that ends early, and one that says nothing.
    ids = pad_sequences([*language(6), np.array([3, 4], np.int32), np.array([5], np.int32)])
    losses = np.array(
        [
            [learner.learn(ids, step=step, learning_rate=0.02) for learner in (numpy, keras)]
            for step in range(4)
        ]
    )
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-5)
    assert losses[-1, 0] < losses[0, 0]
    for one, other in zip(numpy.learned()[0], keras.learned()[0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(numpy.learned()[1:], keras.learned()[1:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(numpy.say(ids), keras.say(ids), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert nats(numpy, language(5)) == pytest.approx(nats(keras, language(5)), rel=1e-5)
    for array, unchanged in zip(begun, before, strict=True):
        np.testing.assert_array_equal(array, unchanged)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_takes_them_on_all_its_backends(backend):
    end = passes_with(backend, __file__, test_both_engines_take_the_same_steps)
    assert end.startswith("2 passed")


def test_the_loss_is_the_mean_over_all_words_that_are_said():
    """A long text counts for more than a short one, whichever process reads it."""
    (learner,), _, _ = learners(engines=("numpy",))
    short, long = language(1, (3,))[0], language(1, (11,))[0]
    alone = [learner.learn(ids[np.newaxis], step=0, learning_rate=0.0) for ids in (short, long)]
    together = pad_sequences([short, long])
    assert count_targets(together, 1) == 12
    mean = (2 * alone[0] + 10 * alone[1]) / 12
    assert learner.learn(together, step=0, learning_rate=0.0) == pytest.approx(mean, rel=1e-5)


def test_gradients_are_clipped():
    (learner,), before, _ = learners(engines=("numpy",))
    learner._config = dataclasses.replace(learner._config, clip_norm=1e-12)
    learner.learn(np.stack(language(4)), step=0, learning_rate=0.02)
    # A gradient far below Adam's epsilon moves next to nothing.
    for array, begun in zip(learner.learned()[0], before, strict=False):
        np.testing.assert_allclose(array, begun, atol=1e-5)


def test_dropout_drops_what_the_layer_says():
    given, kept = (learners(engines=("numpy",), dropout=rate)[0][0] for rate in (0.5, 0.0))
    ids = np.stack(language(4))
    losses = [one.learn(ids, step=0, learning_rate=0.01) for one in (given, kept)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)
    # Each time others, but the same for the same step.
    again = learners(engines=("numpy",), dropout=0.5)[0][0]
    assert again.learn(ids, step=0, learning_rate=0.0) == losses[0]
    assert again.learn(ids, step=1, learning_rate=0.0) != losses[0]


def test_an_engine_is_one_of_two():
    with pytest.raises(ValueError, match="engine must be one of keras, numpy"):
        PretrainingConfig(engine="torch")
