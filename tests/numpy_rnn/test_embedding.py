import numpy as np
import pytest

from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn import Network
from sentiment_rnn.numpy_rnn.embedding import EmbeddedNetwork
from tests.numpy_rnn.checks import FEATURES, assert_gradient, by_differences, random_weights

RANDOM = np.random.default_rng(0)
VECTORS = np.vstack([np.zeros(FEATURES), RANDOM.normal(size=(8, FEATURES))])
# Words that come again in a text and in another one; a word, 7, that doesn't come at all.
IDS = np.array([[1, 2, 1, 3, 0], [8, 1, 4, 4, 4], [6, 5, 0, 0, 0]], np.int32)


def network(*layers):
    return NetworkSpec((None, 5, FEATURES), (*layers, LayerSpec("Dense", {"units": 2})))


def cell(name, **options):
    return LayerSpec(name, {"units": 4, **options})


NETWORKS = {
    "last": network(cell("GRU")),
    "flatten": network(cell("SimpleRNN", return_sequences=True), LayerSpec("Flatten")),
    "masked": network(LayerSpec("Masking"), cell("LSTM")),
    "both ways": network(
        LayerSpec("Masking"), LayerSpec("Bidirectional", {"layer": cell("SimpleRNN")})
    ),
    "deep": network(cell("LSTM", return_sequences=True), cell("GRU", go_backwards=True)),
}


@pytest.fixture(params=list(NETWORKS.values()), ids=list(NETWORKS))
def spec(request):
    return request.param


def test_it_is_the_network_of_the_vectors(spec):
    weights, ids = random_weights(spec), IDS.copy()
    embedded = EmbeddedNetwork(spec, weights, VECTORS)
    plain = Network(spec, weights)
    output = embedded.forward(ids, training=True)
    np.testing.assert_allclose(output, plain.forward(VECTORS[IDS], keep=True), atol=1e-12)
    np.testing.assert_array_equal(ids, IDS)
    probe = RANDOM.normal(size=output.shape)
    gradients, of_vectors, _ = embedded.backward(probe, vector_gradient=True)
    expected, of_x = plain.backward(probe)
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    of_ids = np.zeros_like(VECTORS)
    assert of_x is not None
    np.add.at(of_ids, IDS, of_x)
    if spec.layers[0].class_name == "Masking":
        of_ids[0] = 0
    assert of_vectors is not None
    np.testing.assert_allclose(of_vectors, of_ids, atol=1e-12)
    assert embedded.backward(probe).vectors is None


def test_the_gradient_of_vectors_by_differences():
    spec = NETWORKS["deep"]
    vectors = VECTORS.copy()
    embedded = EmbeddedNetwork(spec, random_weights(spec), vectors)
    probe = RANDOM.normal(size=(3, 2))
    embedded.forward(IDS, training=True)
    of_vectors = embedded.backward(probe, vector_gradient=True).vectors
    numbers = by_differences(lambda: (embedded.forward(IDS) * probe).sum(), vectors)
    assert_gradient(of_vectors, numbers)


@pytest.mark.parametrize("name", ["masked", "both ways", "deep"])
def test_what_is_added_to_projected_inputs_by_differences(name):
    spec = NETWORKS[name]
    weights = random_weights(spec)
    embedded = EmbeddedNetwork(spec, weights, VECTORS)
    shapes = [table.shape[-1] for table in embedded.network.project_inputs(VECTORS)]
    changes = [RANDOM.normal(size=(*IDS.shape, columns)) for columns in shapes]
    probe = RANDOM.normal(size=(3, 2))

    def loss():
        return (embedded.forward(IDS, perturbation=changes) * probe).sum()

    assert abs(loss() - (embedded.forward(IDS) * probe).sum()) > 1e-3
    embedded.forward(IDS, training=True, perturbation=changes)
    gradients = embedded.backward(probe)
    for change, gradient in zip(changes, gradients.projected, strict=True):
        assert_gradient(gradient, by_differences(loss, change))
    for array, gradient in zip(embedded.network.weights, gradients.weights, strict=True):
        assert_gradient(gradient, by_differences(loss, array))


def test_ids_may_differ_from_batch_to_batch():
    spec = NETWORKS["last"]
    embedded = EmbeddedNetwork(spec, random_weights(spec), VECTORS)
    for ids in (IDS, IDS[:1, :2], np.array([[7, 7, 7]]), IDS):
        expected = embedded.network.forward(VECTORS[ids])
        np.testing.assert_allclose(embedded.forward(ids), expected, atol=1e-12)


def test_vectors_of_another_size_are_refused():
    spec = NETWORKS["last"]
    with pytest.raises(ValueError, match=r"Expected vectors \(ids, 2\)\. Received: \(4, 9\)"):
        EmbeddedNetwork(spec, random_weights(spec), np.zeros((4, 9)))
