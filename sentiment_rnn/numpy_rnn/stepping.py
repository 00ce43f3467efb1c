"""A network that is fed one step or some steps at a time and keeps its state inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentiment_rnn.architectures.layers import POOLING, LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn.activations import ACTIVATIONS
from sentiment_rnn.numpy_rnn.layers import dense, dense_of_steps, masking, max_pooling
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.output_feedback import free
from sentiment_rnn.numpy_rnn.projection import project
from sentiment_rnn.numpy_rnn.recurrent import scan, split_bias

Array = np.ndarray


class RNN:
    """A recurrent network for as long as its input goes on.

    Behind a Flatten, steps that haven't come yet count as zeros: its Dense adds up the shares of
    the steps, so that the output is that of the network when all of them have come.

    Args:
        spec: layers that can be read step by step: recurrent ones that go forwards, pooling over
            time, Flatten with a Dense behind it, Dense, Masking and Dropout, which does nothing
            here.
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
        has_time = True
        # The Dense layers that read all steps side by side.
        self._reads_all_steps: set[int] = set()
        for index, layer in enumerate(spec.layers):
            name = layer.class_name
            stepwise = name in ("Dense", "Dropout", "Masking", *POOLING)
            if layer.is_recurrent:
                stepwise = not layer["go_backwards"]
                has_time = bool(layer["return_sequences"])
            elif name in POOLING:
                has_time = False
            elif name == "Flatten":
                behind = [layer.class_name for layer in spec.layers[index + 1 : index + 2]]
                stepwise = not has_time or behind == ["Dense"]
                if has_time:
                    self._reads_all_steps.add(index + 1)
                has_time = False
            if not stepwise:
                backwards = " that goes backwards" if layer.is_recurrent else ""
                raise ValueError(
                    "A network that is read step by step consists of recurrent layers that go "
                    "forwards, pooling over time, Flatten with a Dense behind it, Dense, Masking "
                    "and Dropout. Received: "
                    f"{name}{backwards}"
                )
        self._network = Network(spec, weights)
        arrays = iter(self._network.weights)
        self._arrays = [
            {weight.name: next(arrays) for weight in spec.weights() if weight.layer == index}
            for index in range(len(spec.layers))
        ]
        over_time = [
            index
            for index, layer in enumerate(spec.layers)
            if layer.is_recurrent or layer.class_name in POOLING or index in self._reads_all_steps
        ]
        # Behind this layer only the last step counts.
        self._last_over_time = max(over_time, default=len(spec.layers) - 1)
        self._states: dict[int, tuple[Array, ...]] = {}
        # By the index of each layer over all steps the sum and the number of steps, or the maximum,
        # or all three.
        self._pooled: dict[int, tuple[Array, ...]] = {}
        self._batch: tuple[int, ...] | None = None

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
        features = self._network.spec.batch_shape[2]
        if x.ndim not in (1, 2) or x.shape[-1] != features:
            raise ValueError(
                f"Expected a step ({features},) or (batch, {features}). Received: {x.shape}"
            )
        y = self._run(x.shape[:-1], x[..., np.newaxis, :])
        return y if x.ndim == 2 else y[0]

    def read(self, x: Array) -> Array:
        """Reads some steps at once, which is the same as `step` for each of them, but faster.

        Args:
            x: numbers ``(time, features)``, or ``(batch, time, features)`` for several sequences
                side by side; not changed.

        Returns:
            The network's output after the last of these steps, as `step`.

        Raises:
            ValueError: as `step`, or if there is no step.

        Example:
            >>> spec = NetworkSpec((None, None, 2), (LayerSpec("GlobalMaxPooling1D"),))
            >>> rnn = RNN(spec, [])
            >>> rnn.read(np.array([[1.0, 5.0], [2.0, 4.0]]))
            array([2., 5.], dtype=float32)
            >>> rnn.read(np.array([[3.0, 0.0]]))
            array([3., 5.], dtype=float32)
        """
        x = np.asarray(x)
        features = self._network.spec.batch_shape[2]
        if x.ndim not in (2, 3) or x.shape[-1] != features or not x.shape[-2]:
            raise ValueError(
                f"Expected steps (time of at least 1, {features}) or (batch, time, {features}). "
                f"Received: {x.shape}"
            )
        y = self._run(x.shape[:-2], x)
        return y if x.ndim == 3 else y[0]

    def read_projected(self, projected: Array, mask: Array | None = None) -> Array:
        """As `read`, from inputs that the kernel of the first layer has met already.

        Args:
            projected: rows of the table that `Network.project_inputs` makes of word vectors,
                floats ``(batch, time, columns)``; not changed.
            mask: ``(batch, time)``, true where a step is to be read, or None. It stands in for
                the Masking that the network may begin with.

        Returns:
            As `read`, ``(batch, units)``.

        Raises:
            ValueError: as `read`; or if the network doesn't begin with a recurrent layer, after a
                Masking or not.
        """
        return self._run(projected.shape[:1], None, projected, mask)

    def _run(
        self,
        batch: tuple[int, ...],
        x: Array | None,
        projected: Array | None = None,
        mask: Array | None = None,
    ) -> Array:
        """The output after the last step, ``(batch, units)``."""
        spec = self._network.spec
        if self._batch not in (None, batch):
            features = spec.batch_shape[2]
            raise ValueError(
                f"Expected a step {(*self._batch, features)} as before; reset_states() makes a new "
                f"start. Received: {(*batch, features)}"
            )
        first = 0
        if projected is not None:
            first = 1 if spec.layers[0].class_name == "Masking" else 0
            if not any(layer.is_recurrent for layer in spec.layers[first : first + 1]):
                raise ValueError("Expected steps: this network begins with no recurrent layer.")
            y = projected.astype(self._network.dtype, copy=False)
        elif x is not None:
            y = x.reshape(-1, *x.shape[-2:]).astype(self._network.dtype, copy=False)
        self._batch = batch
        for index, (layer, arrays) in enumerate(zip(spec.layers, self._arrays, strict=True)):
            if index < first:
                continue
            if layer.class_name == "Masking":
                y, mask = masking(y, float(str(layer["mask_value"])))
            elif index in self._reads_all_steps:
                y = self._dense_of_steps(index, y)
            elif layer.class_name == "Dense":
                y = dense(y, arrays["kernel"], arrays.get("bias"), str(layer["activation"]))
            elif layer.class_name in POOLING:
                y = self._pool(index, layer, y, mask)
            elif layer.is_recurrent:
                bias, recurrent_bias = split_bias(layer, arrays.get("bias"))
                if projected is None or index > first:
                    y = project(y, arrays["kernel"], bias)
                if layer.class_name == "OutputFeedbackRNN":
                    y = self._output_feedback(index, layer, y, arrays, mask)
                else:
                    kernel = arrays["recurrent_kernel"]
                    y = self._scan(index, layer, y, kernel, recurrent_bias, mask)
            if index == self._last_over_time and y.ndim == 3:
                y = y[:, -1]
        return y

    def _scan(
        self,
        index: int,
        layer: LayerSpec,
        projected: Array,
        recurrent_kernel: Array,
        recurrent_bias: Array | None,
        mask: Array | None,
    ) -> Array:
        """A recurrent layer's outputs ``(batch, time, units)`` or the last ``(batch, units)``."""
        before = self._states.get(index)
        done = scan(
            layer,
            projected,
            recurrent_kernel,
            recurrent_bias,
            initial_state=before,
            mask=mask,
            keep=False,
        )
        self._states[index] = done.state
        # Where a step is masked, the output is that of the step before. If none of these steps
        # comes before it, a scan of these steps alone can't know it: it is the state.
        if not layer["return_sequences"]:
            return done.last if layer["zero_output_for_mask"] else done.state[0]
        assert done.outputs is not None
        if mask is None or before is None or layer["zero_output_for_mask"]:
            return done.outputs
        read = np.logical_or.accumulate(mask, axis=1)[..., np.newaxis]
        return np.where(read, done.outputs, before[0][:, np.newaxis])

    def _output_feedback(
        self,
        index: int,
        layer: LayerSpec,
        projected: Array,
        arrays: dict[str, Array],
        mask: Array | None,
    ) -> Array:
        """As `_scan`."""
        if mask is not None:
            raise ValueError("OutputFeedbackRNN reads all steps. Expected no mask.")
        before = self._states.get(index)
        _, y = free(layer, projected, arrays, before[0] if before else None)
        self._states[index] = (y[:, -1].copy(),)
        return y if layer["return_sequences"] else y[:, -1]

    def _pool(self, index: int, layer: LayerSpec, y: Array, mask: Array | None) -> Array:
        """The mean or maximum over all steps so far, ``(batch, features)``."""
        before = self._pooled.get(index)
        counts = np.ones(y.shape[:2], bool) if mask is None else mask
        if layer.class_name == "GlobalMaxPooling1D":
            highest = max_pooling(y)
            self._pooled[index] = (highest if before is None else np.maximum(before[0], highest),)
            return self._pooled[index][0]
        # In double precision: a sum of millions of steps has no room for the next in single. What
        # these few add is summed by a product, as NumPy's sums of chosen numbers are slow.
        total = np.matmul(counts.astype(y.dtype)[:, np.newaxis], y)[:, 0].astype(np.float64)
        count = counts.sum(axis=1, keepdims=True)
        if before is not None:
            total, count = before[0] + total, before[1] + count
        if layer.class_name == "MaskedPooling1D":
            lowest = y.dtype.type(-np.inf)
            chosen = y if counts.all() else np.where(counts[..., np.newaxis], y, lowest)
            highest = chosen.max(axis=1)
            if before is not None:
                highest = np.maximum(before[2], highest)
            self._pooled[index] = (total, count, highest)
            found = {
                "mean": (total / np.maximum(count, 1)).astype(y.dtype),
                "max": np.where(count, highest, y.dtype.type(0)),
            }
            return np.concatenate([found[one] for one in str(layer["mode"]).split("_")], axis=1)
        self._pooled[index] = (total, count)
        with np.errstate(invalid="ignore"):  # nan of no steps at all, as in Keras
            return (total / count).astype(y.dtype)

    def _dense_of_steps(self, index: int, y: Array) -> Array:
        """The output of a Dense behind a Flatten as if no more steps came, ``(batch, units)``."""
        arrays, layer = self._arrays[index], self._network.spec.layers[index]
        before, read = self._pooled.get(index, (None, np.zeros((), int)))
        steps, features = y.shape[1:]
        kernel = arrays["kernel"][int(read) * features : (int(read) + steps) * features]
        if len(kernel) < steps * features:
            raise ValueError(
                f"Expected at most {len(arrays['kernel']) // features} steps in front of a "
                f"Flatten; reset_states() makes a new start. Received: {int(read) + steps}"
            )
        total = dense_of_steps(y, kernel, None if before is not None else arrays.get("bias"))
        if before is not None:
            total += before
        self._pooled[index] = (total, read + steps)
        return ACTIVATIONS[str(layer["activation"])].function(total)

    def keep_rows(self, count: int) -> None:
        """Goes on with the first sequences of the batch only.

        Args:
            count: how many.

        Example:
            >>> rnn = RNN(NetworkSpec((None, None, 1), (LayerSpec("GlobalMaxPooling1D"),)), [])
            >>> rnn.step(np.array([[1.0], [2.0], [3.0]])).tolist()
            [[1.0], [2.0], [3.0]]
            >>> rnn.keep_rows(2)
            >>> rnn.step(np.array([[5.0], [0.0]])).tolist()
            [[5.0], [2.0]]
        """
        if not self._batch:
            return
        self._batch = (min(count, *self._batch),)
        for kept in (self._states, self._pooled):
            for index, arrays in kept.items():
                # How many steps were read is one number for all sequences.
                kept[index] = tuple(array[:count] if array.ndim else array for array in arrays)

    def reset_states(self) -> None:
        """Forgets everything read so far."""
        self._states.clear()
        self._pooled.clear()
        self._batch = None
