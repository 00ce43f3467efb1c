import numpy as np
import pytest

from sentiment_rnn.numpy_rnn.projection import is_time_major, project, project_backward, sum_rows

RANDOM = np.random.default_rng(0)
KERNEL, BIAS = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=4)


def in_memory_orders(x):
    by_time = np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1)
    return {"batch first": x, "time first": by_time, "backwards": x[:, ::-1].copy()[:, ::-1]}


@pytest.mark.parametrize("order", ["batch first", "time first", "backwards"])
@pytest.mark.parametrize("gradient_order", ["batch first", "time first", "backwards"])
def test_the_order_in_memory_changes_nothing(order, gradient_order):
    x = in_memory_orders(RANDOM.normal(size=(2, 5, 3)))[order]
    gradient = in_memory_orders(RANDOM.normal(size=(2, 5, 4)))[gradient_order]
    projected = project(x, KERNEL, BIAS)
    np.testing.assert_allclose(projected, np.einsum("btf,fk->btk", x, KERNEL) + BIAS)
    assert is_time_major(projected) == (order == "time first")
    of_kernel, of_x = project_backward(x, KERNEL, gradient)
    assert of_x is not None
    np.testing.assert_allclose(of_kernel, np.einsum("btf,btk->fk", x, gradient))
    np.testing.assert_allclose(of_x, np.einsum("btk,fk->btf", gradient, KERNEL))
    np.testing.assert_allclose(sum_rows(gradient), gradient.sum(axis=(0, 1)))


def test_a_table_of_vectors_can_be_projected_before_its_rows_are_looked_up():
    table, ids = RANDOM.normal(size=(9, 3)), RANDOM.integers(0, 9, (2, 5))
    np.testing.assert_allclose(
        project(table, KERNEL, BIAS)[ids], project(table[ids], KERNEL, BIAS), atol=1e-15
    )


def test_the_gradient_of_the_input_is_left_out_on_demand():
    x = np.ones((2, 5, 3))
    assert project_backward(x, KERNEL, np.ones((2, 5, 4)), input_gradient=False)[1] is None


def test_float32_stays():
    x, kernel, bias = (array.astype(np.float32) for array in (np.ones((2, 5, 3)), KERNEL, BIAS))
    projected = project(x, kernel, bias)
    assert projected.dtype == np.float32
    of_kernel, of_x = project_backward(x, kernel, projected)
    assert of_kernel.dtype == np.float32
    assert of_x is not None
    assert of_x.dtype == np.float32
    assert sum_rows(projected).dtype == np.float32
