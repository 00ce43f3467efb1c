"""Which layers of a network can begin with those of another that has learned before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.errors import UsageError


def places_to_begin_with(begun: NetworkSpec, network: NetworkSpec) -> list[tuple[int, int]]:
    """Where the recurrent layers' arrays of a network are, and those that they begin with.

    Args:
        begun: the layers that have learned before. Of those that read from both ends a network
            that reads one way takes the half that reads as it does.
        network: the layers that are to learn.

    Returns:
        Pairs of a place among the arrays of `network` and one among those of `begun`.

    Raises:
        UsageError: if the recurrent layers of the one are others than those of the other.

    Example:
        >>> begun = NetworkSpec((None, None, 3), (LayerSpec("GRU", {"units": 4}),))
        >>> network = NetworkSpec(
        ...     (None, None, 3), (LayerSpec("Masking"), LayerSpec("GRU", {"units": 4})))
        >>> places_to_begin_with(begun, network)
        [(0, 0), (1, 1), (2, 2)]
    """
    mine, theirs = _recurrent_weights(network), _recurrent_weights(begun)
    directions = {direction for _, _, direction, _, _ in mine}
    # Of layers that read from both ends, the half that reads as these do.
    alike = {key: place for key, place in theirs.items() if key[2] in directions}
    if list(mine) != list(alike):
        raise UsageError(
            "The pretrained model has other recurrent layers than the settings ask for. "
            f"Expected: {_shapes(mine)}. Received: {_shapes(theirs)}"
        )
    return list(zip(mine.values(), alike.values(), strict=True))


def _recurrent_weights(network: NetworkSpec) -> dict[tuple[Any, ...], int]:
    """The places of recurrent layers' arrays, by number, kind, direction, name and shape."""
    recurrent = [place for place, layer in enumerate(network.layers) if layer.cell.is_recurrent]
    return {
        (
            recurrent.index(one.layer),
            network.layers[one.layer].cell.class_name,
            one.direction or _direction(network.layers[one.layer]),
            one.name,
            one.shape,
        ): place
        for place, one in enumerate(network.weights())
        if one.layer in recurrent
    }


def _direction(layer: LayerSpec) -> str:
    return "backward" if layer["go_backwards"] else "forward"


def _shapes(weights: Iterable[tuple[Any, ...]]) -> str:
    return ", ".join(
        f"{kind} {direction} {name} {shape}"
        for _, kind, direction, name, shape in weights
        if name == "kernel"
    )
