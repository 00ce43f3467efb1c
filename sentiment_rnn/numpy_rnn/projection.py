"""One matrix product for all the vectors of a batch, and its gradients.

What a recurrent layer does with its input has no recurrence in it: ``x_t @ kernel + bias`` of all
time steps is a single large product, which a processor does many times faster than one small
product per step. A Dense layer on every time step is the same thing.
"""

from __future__ import annotations

import numpy as np

from sentiment_rnn.numpy_rnn.memory import empty

Array = np.ndarray


def project(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """``x @ kernel + bias`` along the last axis.

    Args:
        x: floats ``(..., features)``: a batch ``(batch, time, features)``, or a table of word
            vectors ``(ids, features)``, whose rows can then be looked up in place of the vectors.
        kernel: ``(features, columns)``.
        bias: ``(columns,)`` or None.

    Returns:
        ``(..., columns)``. Where the memory of `x` has time before batch, so has the result's.

    Example:
        >>> project(np.ones((2, 5, 3)), np.ones((3, 4)), np.ones(4)).shape
        (2, 5, 4)
    """
    by_time = is_time_major(x)
    rows = _product(_rows(x, by_time), kernel)
    if bias is not None:
        rows += bias
    return _unfold(rows, x.shape, by_time)


def project_backward(
    x: Array, kernel: Array, gradient: Array, *, input_gradient: bool = True
) -> tuple[Array, Array | None]:
    """The gradients of `project`.

    Args:
        x: the input of `project`, ``(..., features)``.
        kernel: ``(features, columns)``.
        gradient: of the loss with respect to the result, ``(..., columns)``.
        input_gradient: whether the gradient of `x` is wanted.

    Returns:
        The gradients of the kernel, ``(features, columns)``, and of `x`, ``(..., features)``, or
        None. That of the bias is the sum of `gradient` over all axes but the last.

    Example:
        >>> kernel, x = np.ones((3, 4)), np.ones((2, 5, 3))
        >>> of_kernel, of_x = project_backward(x, kernel, np.ones((2, 5, 4)))
        >>> of_kernel.shape, of_x.shape, of_kernel[0, 0], of_x[0, 0, 0]
        ((3, 4), (2, 5, 3), np.float64(10.0), np.float64(4.0))
    """
    by_time = is_time_major(x)
    # Both in the order of the input's memory: the rows of the two must correspond.
    rows = _rows(gradient, by_time)
    of_kernel = _rows(x, by_time).T @ rows
    if not input_gradient:
        return of_kernel, None
    return of_kernel, _unfold(_product(rows, kernel.T), x.shape, by_time)


def take_rows(table: Array, rows: Array) -> Array:
    """``table[rows]``: each row of the table where its number stands.

    Args:
        table: ``(rows, columns)``.
        rows: whole numbers below the number of rows, of any shape.

    Returns:
        ``(..., columns)``.

    Example:
        >>> take_rows(np.array([[1.0], [2.0]]), np.array([[1, 0, 1]]))
        array([[[2.],
                [1.],
                [2.]]])
    """
    out = empty((*rows.shape, table.shape[1]), table.dtype)
    # The mode lets NumPy write into `out` as it goes; a row that isn't there is no one's wish.
    return np.take(table, rows, axis=0, out=out, mode="clip")


def sum_rows(x: Array) -> Array:
    """The sum over all axes but the last, ``(..., columns)`` → ``(columns,)``.

    Example:
        >>> sum_rows(np.ones((2, 5, 3)))
        array([10., 10., 10.])
    """
    rows = _rows(x, is_time_major(x))
    # A product with ones: much faster than sum(axis=0), and its rounding errors grow no faster.
    return np.ones(len(rows), rows.dtype) @ rows


def is_time_major(x: Array) -> bool:
    """Whether an array ``(batch, time, features)`` lies in memory with time first.

    The outputs of a recurrent layer do, as that is the order in which they are computed.

    Example:
        >>> is_time_major(np.ones((2, 5, 3))), is_time_major(np.ones((5, 2, 3)).swapaxes(0, 1))
        (False, True)
    """
    return x.ndim == 3 and not x.flags.c_contiguous and x.swapaxes(0, 1).flags.c_contiguous


def _product(rows: Array, kernel: Array) -> Array:
    out = empty((len(rows), kernel.shape[1]), np.result_type(rows, kernel))
    return np.matmul(rows, kernel, out=out)


def _rows(x: Array, by_time: bool) -> Array:
    if by_time:
        x = x.swapaxes(0, 1)
    return x.reshape(-1, x.shape[-1])


def _unfold(rows: Array, shape: tuple[int, ...], by_time: bool) -> Array:
    if by_time:
        batch, time, _ = shape
        return rows.reshape(time, batch, -1).swapaxes(0, 1)
    return rows.reshape(*shape[:-1], rows.shape[-1])
