"""What is counted, against the products that are really done."""

import numpy as np
import pytest

from benchmarks import operations


class Counting(np.ndarray):
    """Counts the operations of its matrix products."""

    total = 0

    def __matmul__(self, other):
        Counting.total += 2 * self.shape[0] * self.shape[1] * other.shape[1]
        return (np.asarray(self) @ np.asarray(other)).view(Counting)


def counting(*shape):
    return np.ones(shape).view(Counting)


@pytest.fixture(autouse=True)
def _from_zero():
    Counting.total = 0


@pytest.mark.parametrize(("cell", "gates"), [("simple", 1), ("gru", 3), ("lstm", 4)])
def test_reading(cell, gates):
    reviews, maxlen, features, units = 3, 5, 7, 2
    state = counting(reviews, units)
    outputs = []
    for _ in range(maxlen):
        for _ in range(gates):
            counting(reviews, features) @ counting(features, units)
            state = state @ counting(units, units)
        outputs.append(state)
    np.hstack(outputs).view(Counting) @ counting(maxlen * units, 1)
    assert operations.reading(reviews, maxlen, features, units, cell) == Counting.total


def test_learning_goes_back_through_each_product():
    reviews, maxlen, features, units = 3, 5, 7, 2
    sizes = (reviews, maxlen, features, units)
    rows = reviews * maxlen
    # Forwards, of the kernel and, but for the word vectors, of the input.
    counting(rows, features) @ counting(features, units)
    counting(features, rows) @ counting(rows, units)
    for _ in range(maxlen):
        counting(reviews, units) @ counting(units, units)
        counting(units, reviews) @ counting(reviews, units)
        counting(reviews, units) @ counting(units, units)
    counting(reviews, maxlen * units) @ counting(maxlen * units, 1)
    counting(maxlen * units, reviews) @ counting(reviews, 1)
    counting(reviews, 1) @ counting(1, maxlen * units)
    assert operations.learning(*sizes) == Counting.total
    fewer = operations.learning(*sizes, projected=4)
    assert Counting.total - fewer == 2 * 2 * (rows - 4) * features * units
