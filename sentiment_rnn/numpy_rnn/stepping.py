"""A network that is fed one step at a time and keeps its state inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentiment_rnn.architectures.layers import NetworkSpec
from sentiment_rnn.numpy_rnn.layers import dense, masking
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.projection import project
from sentiment_rnn.numpy_rnn.recurrent import scan, split_bias

Array = np.ndarray


class RNN:
    """A recurrent network for as long as its input goes on.

    Args:
        spec: layers that can be read step by step: recurrent ones that go forwards, Dense,
            Masking and Dropout, which does nothing here.
        weights: arrays in the order of ``spec.weights()``, all float32 or all float64; copied.

    Raises:
        ValueError: if a layer needs the whole sequence, or the weights don't belong to the layers.

    Example:
        >>> from sentiment_rnn.architectures import LayerSpec
        >>> from sentiment_rnn.numpy_rnn import initial_weights
        >>> random = np.random.default_rng(0)
        >>> first = NetworkSpec((None, None, 3), (LayerSpec("SimpleRNN", {"units": 4}),))
        >>> second = NetworkSpec((None, None, 4), (LayerSpec("LSTM", {"units": 2}),))
        >>> rnn1 = RNN(first, initial_weights(first, random))
        >>> rnn2 = RNN(second, initial_weights(second, random))
        >>> for x in np.eye(3):
        ...     y1 = rnn1.step(x)
        ...     y = rnn2.step(y1)
        >>> y.shape
        (2,)

    Source: Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks", 2015.
    """

    def __init__(self, spec: NetworkSpec, weights: Sequence[Array]) -> None:
        for layer in spec.layers:
            stepwise = layer.is_recurrent and not layer["go_backwards"]
            if not stepwise and layer.class_name not in ("Dense", "Dropout", "Masking"):
                backwards = " that goes backwards" if layer.is_recurrent else ""
                raise ValueError(
                    "A network that is read step by step consists of recurrent layers that go "
                    f"forwards, Dense, Masking and Dropout. Received: {layer.class_name}{backwards}"
                )
        self._network = Network(spec, weights)
        arrays = iter(self._network.weights)
        self._arrays = [
            {weight.name: next(arrays) for weight in spec.weights() if weight.layer == index}
            for index in range(len(spec.layers))
        ]
        self._states: dict[int, tuple[Array, ...]] = {}
        self._shape: tuple[int, ...] | None = None

    @property
    def states(self) -> dict[int, tuple[Array, ...]]:
        """By the index of each recurrent layer ``(h,)``, of an LSTM ``(h, c)``.

        Each is ``(batch, units)``, with a batch of 1 where vectors come one by one.
        """
        return dict(self._states)

    def step(self, x: Array) -> Array:
        """Reads one step.

        Args:
            x: numbers ``(features,)``, or ``(batch, features)`` for several sequences side by
                side; not changed.

        Returns:
            The network's output after this step, ``(units,)`` or ``(batch, units)``: what the
            whole sequence so far would have given.

        Raises:
            ValueError: if the shape is another than at the steps before.
        """
        x = np.asarray(x)
        spec = self._network.spec
        features = spec.batch_shape[2]
        if x.ndim not in (1, 2) or x.shape[-1] != features:
            raise ValueError(
                f"Expected a step ({features},) or (batch, {features}). Received: {x.shape}"
            )
        if self._shape not in (None, x.shape):
            raise ValueError(
                f"Expected a step {self._shape} as before; reset() makes a new start. Received: "
                f"{x.shape}"
            )
        self._shape = x.shape
        y = x.reshape(-1, 1, features).astype(self._network.dtype, copy=False)
        mask: Array | None = None
        for index, (layer, arrays) in enumerate(zip(spec.layers, self._arrays, strict=True)):
            if layer.class_name == "Masking":
                y, mask = masking(y, float(str(layer["mask_value"])))
            elif layer.class_name == "Dense":
                y = dense(y, arrays["kernel"], arrays.get("bias"), str(layer["activation"]))
            elif layer.is_recurrent:
                bias, recurrent_bias = split_bias(layer, arrays.get("bias"))
                done = scan(
                    layer,
                    project(y, arrays["kernel"], bias),
                    arrays["recurrent_kernel"],
                    recurrent_bias,
                    initial_state=self._states.get(index),
                    mask=mask,
                    keep=False,
                )
                self._states[index] = done.state
                # Where the step is masked, the output is that of the step before, which a scan of
                # this step alone can't know: it is the state. But for zero_output_for_mask.
                y = done.last if layer["zero_output_for_mask"] else done.state[0]
                y = y[:, np.newaxis]
        return y[:, 0] if x.ndim == 2 else y[0, 0]

    def reset(self) -> None:
        """Forgets everything read so far."""
        self._states.clear()
        self._shape = None
