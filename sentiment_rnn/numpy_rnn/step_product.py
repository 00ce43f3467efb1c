"""The product in every step of a time loop: a few rows times the same kernel, again and again.

Matrix libraries rearrange both matrices of a product before they multiply, which pays for large
ones. OpenBLAS, which NumPy comes with, leaves it out for a product of up to a million
multiplications where the processor has AVX-512, and is up to twice as fast then. So a kernel is cut
into blocks there, of which each product is that small. Elsewhere each block would be rearranged
again, which makes the whole up to twice as slow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentiment_rnn._threads import matrix_library_targets

Array = np.ndarray
# Takes `x` and where the result goes.
Product = Callable[[Array, Array], object]

# The multiplications up to which OpenBLAS rearranges nothing, and its names of the processors where
# it does so.
_SMALL = 1_000_000
_WITH_AVX512 = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
# Columns of a block. Narrower ones fill no register.
_WIDTHS = (64, 32)
# Cutting the kernel takes as long as some steps.
_FEW_STEPS = 4


def step_product(kernel: Array, *, rows: int, steps: int, gates: int = 1) -> Product:
    """A function that computes ``x @ kernel``, for one step after the other.

    Args:
        kernel: ``(features, columns)``; not changed, and not to be while the function is used.
        rows: of each `x`.
        steps: how often the function will be called.
        gates: parts of equal width that the columns consist of.

    Returns:
        ``product(x, out)``: `x` is ``(rows, features)``, and `out`, which it writes into,
        ``(gates, rows, columns // gates)``; with one gate ``(rows, columns)``.

    Example:
        >>> kernel, out = np.array([[1.0, 2.0], [3.0, 4.0]]), np.empty((2, 1, 1))
        >>> product = step_product(kernel, rows=1, steps=9, gates=2)
        >>> _ = product(np.ones((1, 2)), out)
        >>> out.tolist()
        [[[4.0]], [[6.0]]]
    """
    features, columns = kernel.shape
    parts, width = _cut(rows, features, columns // gates)
    if gates == 1 and (steps < _FEW_STEPS or (parts, width) == (1, columns)):
        # A transposed one would be put right in each product.
        plain = np.ascontiguousarray(kernel)
        return lambda x, out: np.dot(x, plain, out)
    if steps < _FEW_STEPS:
        return _side_by_side(kernel, rows, gates)
    # (parts of the features, blocks of the columns, features, columns)
    shape = parts, features // parts, columns // width, width
    blocks = np.ascontiguousarray(kernel.reshape(shape).swapaxes(1, 2))
    if (parts, width) == (1, columns // gates):
        return lambda x, out: np.matmul(x, blocks[0], out)
    return _in_parts(blocks, rows, gates)


def _side_by_side(kernel: Array, rows: int, gates: int) -> Product:
    sums = np.empty((rows, kernel.shape[1]), kernel.dtype)
    by_gate = _in_blocks(sums, gates)

    def product(x: Array, out: Array) -> None:
        np.dot(x, kernel, sums)
        np.copyto(out, by_gate)

    return product


def _in_parts(blocks: Array, rows: int, gates: int) -> Product:
    parts, count, _, width = blocks.shape
    products = np.empty((parts, count, rows, width), blocks.dtype)
    by_gate = products.reshape(parts, gates, count // gates, rows, width)

    def product(x: Array, out: Array) -> None:
        np.matmul(_in_blocks(x, parts)[:, np.newaxis], blocks, products)
        out = _in_blocks(out.reshape(gates, rows, -1), count // gates)
        if parts == 1:
            np.copyto(out, by_gate[0])
        else:
            np.add.reduce(by_gate, axis=0, out=out)

    return product


def _cut(rows: int, features: int, columns: int) -> tuple[int, int]:
    """How many parts the features are cut into, and the width of the blocks of the columns."""
    for parts in (1, 2, 4) if _leaves_small_ones() else ():
        for width in (columns, *_WIDTHS):
            fits = rows * (features // parts) * width <= _SMALL
            if fits and features % parts == 0 and columns % width == 0:
                return parts, width
    return 1, columns


def _leaves_small_ones() -> bool:
    """Whether the matrix library multiplies small matrices as they lie."""
    return bool(matrix_library_targets() & _WITH_AVX512)


def _in_blocks(x: Array, count: int) -> Array:
    """``(..., rows, columns)`` → ``(..., count, rows, columns // count)``, the same memory."""
    return x.reshape(*x.shape[:-1], count, -1).swapaxes(-2, -3)
