import numpy as np

from benchmarks import textbook
from sentiment_rnn.preprocessing import PreprocessingConfig, Preprocessor, WordVectors


def test_the_arrays_hold_the_vectors_that_this_package_feeds_its_network():
    rng = np.random.default_rng(0)
    vectors = WordVectors(["a", "film", "good"], rng.standard_normal((3, 4), dtype=np.float32))
    texts = ["a good film", "unheard of a", "good good good good", ""]
    keyed = textbook.keyed_vectors(vectors)
    found = textbook.arrays(texts, keyed, maxlen=3)
    expected = Preprocessor(PreprocessingConfig(maxlen=3), vectors).vectors(texts)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float64


def test_padding_leaves_its_argument_as_it_is():
    data = [[[1.0, 2.0]], [[3.0, 4.0]] * 5]
    assert textbook.pad_or_truncate(data, 2) == [
        [[1.0, 2.0], [0.0, 0.0]],
        [[3.0, 4.0], [3.0, 4.0]],
    ]
    assert [len(vectors) for vectors in data] == [1, 5]
