import numpy as np

from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
from sentiment_rnn.numpy_rnn import initial_weights
from sentiment_rnn.numpy_rnn.adversarial import adversarial_perturbation
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from sentiment_rnn.numpy_rnn.losses import loss_and_gradient

RANDOM = np.random.default_rng(0)


def test_each_row_is_moved_as_far_for_each_of_its_words():
    gradients = [RANDOM.normal(size=(4, 6, 5)).astype(np.float32) for _ in range(2)]
    gradients[0][3], gradients[1][3] = 0, 0
    before = [gradient.copy() for gradient in gradients]
    words = np.array([6, 1, 3, 2])
    moved = adversarial_perturbation(gradients, words, 0.3)
    squared = sum((one**2).sum((1, 2)) for one in moved)
    np.testing.assert_allclose(squared[:3] / words[:3], 0.09, rtol=1e-5)
    for one, gradient in zip(moved, before, strict=True):
        assert one.dtype == np.float32
        assert not one[3].any()
        # Of one factor for a row, above 0: where the loss rises.
        factors = one[:3] / gradient[:3]
        np.testing.assert_allclose(factors, factors[:, :1, :1].repeat(6, 1).repeat(5, 2), rtol=1e-5)
        assert factors.min() > 0


def test_no_other_change_of_this_length_misleads_more():
    config = ArchitectureConfig(
        "gru", 4, head="mean_max", masking=True, bidirectional=True, dropout=0.0
    )
    spec = sentiment_network(config, maxlen=0, vector_size=3)
    weights = [10 * array for array in initial_weights(spec, RANDOM, np.float64)]
    embedded = EmbeddedNetwork(spec, weights, RANDOM.normal(size=(9, 3)))
    ids, words, target = RANDOM.integers(1, 9, (1, 7)), np.array([7]), np.ones((1, 1))
    output = embedded.forward(ids, training=True)
    found = loss_and_gradient("binary_crossentropy", target, output)
    gradients = embedded.backward(found.gradient).projected

    def misled(perturbation):
        output = embedded.forward(ids, perturbation=perturbation)
        return loss_and_gradient("binary_crossentropy", target, output).loss - found.loss

    moved = adversarial_perturbation(gradients, words, 1e-3)
    most = misled(moved)
    for _ in range(50):
        chance = [RANDOM.normal(size=one.shape) for one in moved]
        assert misled(adversarial_perturbation(chance, words, 1e-3)) < most / 2
