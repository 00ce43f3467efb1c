"""A whole network: forward, and back through every layer of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.numpy_rnn.layers import (
    ChanceOfRows,
    dense,
    dense_backward,
    dense_of_steps,
    dense_of_steps_backward,
    dropout,
    flatten,
    masked_pooling,
    masked_pooling_backward,
    masking,
    max_pooling,
    max_pooling_backward,
    mean_pooling,
    mean_pooling_backward,
)
from sentiment_rnn.numpy_rnn.memory import empty_like
from sentiment_rnn.numpy_rnn.output_feedback import forced, forced_backward, free
from sentiment_rnn.numpy_rnn.projection import project, project_backward, sum_rows
from sentiment_rnn.numpy_rnn.recurrent import Kept, scan, scan_backward, split_bias

Array = np.ndarray


@dataclass
class _Record:
    """What one layer did in a forward pass that can be gone back."""

    x: Array | None  # None where projected inputs came instead
    y: Array
    mask: Array | None = None  # that of the input; of a Masking the one that it found
    factors: Array | None = None  # of a Dropout
    kept: list[Kept | None] = field(default_factory=list)  # of each direction of a recurrent layer
    directions: list[Array] = field(default_factory=list)  # their outputs, before they are merged
    hidden: Array | None = None  # of an OutputFeedbackRNN that was forced


class Network:
    """A network with its weights, which computes what Keras's of the same description does.

    Which layers pass a mask on follows Keras: a recurrent layer that returns sequences, Dropout
    and Dense do; Flatten and max pooling go by all steps, masked or not, and drop the mask.

    Args:
        spec: the layers.
        weights: arrays in the order of ``spec.weights()``, all float32 or all float64. They are
            copied: ``network.weights`` are the network's own, and an optimizer changes them in
            place.

    Attributes:
        spec: the layers.
        weights: the arrays.
        dtype: their type, in which everything is computed.
        output_mask: the mask that came out of the last forward pass with its output, ``(batch,
            time)``, or None. Keras's losses leave out what it masks.

    Raises:
        ValueError: if the weights don't belong to the layers.

    Example:
        >>> spec = NetworkSpec((None, None, 2), (
        ...     LayerSpec("SimpleRNN", {"units": 2}),
        ...     LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
        ... ))
        >>> weights = [np.ones(weight.shape) for weight in spec.weights()]
        >>> network = Network(spec, weights)
        >>> network.forward(np.zeros((4, 7, 2))).shape
        (4, 1)
    """

    def __init__(self, spec: NetworkSpec, weights: Sequence[Array]) -> None:
        wanted = spec.weights()
        shapes, came = [weight.shape for weight in wanted], [np.shape(array) for array in weights]
        if shapes != came:
            raise ValueError(f"Expected weights of the shapes {shapes}. Received: {came}")
        types = sorted({str(np.asarray(array).dtype) for array in weights})
        if types not in ([], ["float32"], ["float64"]):
            raise ValueError(
                f"Expected weights that are all float32 or all float64. Received: {types}"
            )
        for layer in spec.layers:
            if layer.class_name == "Bidirectional" and layer.cell["go_backwards"]:
                # Keras refuses it too: both directions would be the same.
                raise ValueError("The layer of a Bidirectional must not go backwards itself.")
        self.spec = spec
        self.weights = [np.array(array, order="C") for array in weights]
        self.dtype = np.dtype(types[0] if types else "float32")
        self.output_mask: Array | None = None
        # By layer and direction, the places of its arrays in the list by name.
        self._places: dict[tuple[int, str], dict[str, int]] = {}
        for place, weight in enumerate(wanted):
            self._places.setdefault((weight.layer, weight.direction), {})[weight.name] = place
        self._states: dict[tuple[int, str], tuple[Array, ...]] = {}
        self._records: list[_Record] | None = None

    def forward(
        self,
        x: Array,
        *,
        training: bool = False,
        rng: np.random.Generator | ChanceOfRows | None = None,
        keep: bool | None = None,
    ) -> Array:
        """Computes the network's output.

        While training, an OutputFeedbackRNN is fed with its input in place of its last output, as
        teacher forcing wants it.

        A layer that is stateful starts from the state in which the last call left it. So a
        backpropagation that is truncated is a forward and a backward pass for each window: the
        state is carried from window to window, its gradient is not.

        Args:
            x: numbers ``(batch, time, features)``; not changed. The time may differ from that of
                the description where no layer depends on it.
            training: whether Dropout drops anything, and outputs that are fed back are forced.
            rng: where its chance comes from.
            keep: whether to keep what `backward` needs; if None, when training.

        Returns:
            Floats of the weights' type, ``(batch, ...)`` as ``spec.output_shape`` says.

        Raises:
            ValueError: if the input doesn't fit; if there is a Dropout to train and no `rng`; if
                a recurrent layer to be trained has a dropout of its own; if an OutputFeedbackRNN
                that runs on its own outputs is to be kept for `backward`.
        """
        x = np.asarray(x)
        features = self.spec.batch_shape[2]
        if x.ndim != 3 or x.shape[1] < 1 or x.shape[2] != features:
            raise ValueError(
                f"Expected an input (batch, time of at least 1, {features}). Received: {x.shape}"
            )
        keep = training if keep is None else keep
        self._begin(len(x), training, rng)
        return self._run(0, x.astype(self.dtype, copy=False), None, None, training, rng, keep)

    def forward_projected(
        self,
        projected: Sequence[Array],
        *,
        mask: Array | None = None,
        training: bool = False,
        rng: np.random.Generator | ChanceOfRows | None = None,
        keep: bool | None = None,
    ) -> Array:
        """As `forward`, from inputs that the kernel of the first recurrent layer has met already.

        Args:
            projected: for each direction of the first recurrent layer floats ``(batch, time,
                columns)``, as `project_inputs` makes them of vectors, or rows of what it
                makes of a table of vectors. They are read fastest where time comes first in
                memory.
            mask: ``(batch, time)``, true where a step is to be read, or None. It stands in for
                the Masking that the network may begin with.
            training: as in `forward`.
            rng: as in `forward`.
            keep: whether to keep what `backward_projected` needs; if None, when training.

        Returns:
            As `forward`.

        Raises:
            ValueError: as `forward`; or if the network doesn't begin with a recurrent layer,
                after a Masking or not.

        Example:
            >>> spec = NetworkSpec((None, None, 2), (LayerSpec("SimpleRNN", {"units": 3}),))
            >>> network = Network(spec, [np.ones(weight.shape) for weight in spec.weights()])
            >>> vectors, ids = np.ones((10, 2)), np.array([[1, 2, 3, 4]])
            >>> (table,) = network.project_inputs(vectors)
            >>> folded = network.forward_projected([table[ids]])
            >>> np.array_equal(folded, network.forward(vectors[ids]))
            True
        """
        index = self._first_recurrent()
        directions = list(self._directions(index))
        if len(projected) != len(directions):
            raise ValueError(
                f"Expected projected inputs for {len(directions)} directions. Received: "
                f"{len(projected)}"
            )
        projected = [np.asarray(array).astype(self.dtype, copy=False) for array in projected]
        if mask is not None:
            mask = np.asarray(mask).astype(bool, copy=False)
        keep = training if keep is None else keep
        self._begin(len(projected[0]), training, rng)
        return self._run(index, None, projected, mask, training, rng, keep)

    def project_inputs(self, x: Array) -> list[Array]:
        """Multiplies inputs with the kernel of the first recurrent layer, and adds its bias.

        Args:
            x: numbers ``(..., features)``: a batch, or a table of word vectors ``(ids, features)``.

        Returns:
            For each direction of the layer ``(..., columns)``.

        Raises:
            ValueError: if the network doesn't begin with a recurrent layer.
        """
        index = self._first_recurrent()
        x = np.asarray(x).astype(self.dtype, copy=False)
        return [self._project(index, name, x) for name, _ in self._directions(index)]

    def backward(
        self, output_gradient: Array, *, of_sum: bool = False, input_gradient: bool = True
    ) -> tuple[list[Array], Array | None]:
        """Carries a gradient from the output of the last `forward` back to everything.

        Args:
            output_gradient: of the loss with respect to the output, of its shape.
            of_sum: whether it is that of the sums which the activation of the last layer, a Dense
                or OutputFeedbackRNN, was applied to: see `sentiment_rnn.numpy_rnn.losses`.
            input_gradient: whether the gradient of the input is wanted.

        Returns:
            The gradients of the weights in the order of ``spec.weights()``, and that of the
            input, ``(batch, time, features)``, or None.

        Raises:
            ValueError: if no `forward` was kept, or if the shape is another.

        Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating
        errors", 1986; through time: Werbos, "Backpropagation Through Time", 1990.
        """
        if self._records is None or self._records[0].x is None:
            raise ValueError(
                "There is nothing to go back through: expected a call of forward with "
                "training=True or keep=True before."
            )
        gradients, found = self._back(self._records, output_gradient, of_sum, input_gradient)
        (of_x,) = found if input_gradient else (None,)
        return [gradient for gradient in gradients if gradient is not None], of_x

    def backward_projected(
        self, output_gradient: Array, *, of_sum: bool = False
    ) -> tuple[list[Array | None], list[Array]]:
        """As `backward`, after `forward_projected`.

        Args:
            output_gradient: as in `backward`.
            of_sum: as in `backward`.

        Returns:
            The gradients of the weights in the order of ``spec.weights()``, but None for the
            kernel of each direction of the first recurrent layer, which is the caller's, who has
            the inputs: ``inputs.T @ gradient``. And for each direction the gradient of the
            projected inputs, ``(batch, time, columns)``, with time first in memory.

        Raises:
            ValueError: if no `forward_projected` was kept, or if the shape is another.
        """
        if self._records is None or self._records[0].x is not None:
            raise ValueError(
                "There is nothing to go back through: expected a call of forward_projected with "
                "training=True or keep=True before."
            )
        return self._back(self._records, output_gradient, of_sum, True)

    def _back(
        self, records: list[_Record], output_gradient: Array, of_sum: bool, input_gradient: bool
    ) -> tuple[list[Array | None], list[Array]]:
        gradient = np.asarray(output_gradient).astype(self.dtype, copy=False)
        if gradient.shape != records[-1].y.shape:
            raise ValueError(
                f"Expected the gradient of an output {records[-1].y.shape}. Received: "
                f"{gradient.shape}"
            )
        last = self.spec.layers[-1]
        if of_sum and last.class_name not in ("Dense", "OutputFeedbackRNN"):
            raise ValueError(
                "of_sum takes a Dense or OutputFeedbackRNN as last layer. Received: "
                f"{last.class_name}"
            )
        gradients: list[Array | None] = [None] * len(self.weights)
        first = len(self.spec.layers) - len(records)
        lowest = min((layer for layer, _ in self._places), default=0)
        found: list[Array] = [gradient]
        for index in reversed(range(first, len(self.spec.layers))):
            record, layer, (gradient,) = records[index - first], self.spec.layers[index], found
            # Below the lowest layer with weights nothing but the input asks for a gradient.
            wanted = input_gradient or index > lowest
            at_end = index == len(self.spec.layers) - 1
            if layer.class_name == "OutputFeedbackRNN":
                found = self._forced_back(
                    index, record, gradient, of_sum and at_end, wanted, gradients
                )
            elif layer.cell.is_recurrent:
                found = self._recurrent_back(index, record, gradient, wanted, gradients)
            elif layer.class_name == "Dense":
                assert record.x is not None
                flattened = self._is_flattened(index) and record.x.ndim == 3
                back = dense_of_steps_backward if flattened else dense_backward
                kernel, bias, of_x = back(
                    record.x,
                    self._weight(index, "", "kernel"),
                    record.y,
                    gradient,
                    str(layer["activation"]),
                    of_sum=of_sum and at_end,
                    input_gradient=wanted,
                )
                self._put(gradients, index, "", kernel=kernel, bias=bias)
                found = [] if of_x is None else [of_x]
            else:
                found = [_simple_back(layer, record, gradient)]
            if not found:
                break
        return gradients, found

    def reset_states(self) -> None:
        """Lets all stateful layers start from zeros again, with a batch of any size."""
        self._states.clear()

    @property
    def states(self) -> dict[tuple[int, str], tuple[Array, ...]]:
        """What the stateful layers will start from, to be put away and set again.

        By the index of the layer and the direction ("" or, inside a Bidirectional, "forward" and
        "backward"): ``(h,)``, of an LSTM ``(h, c)``, each ``(batch, units)``. Empty at first.
        """
        return dict(self._states)

    @states.setter
    def states(self, states: dict[tuple[int, str], tuple[Array, ...]]) -> None:
        for index, direction in states:
            inside = 0 <= index < len(self.spec.layers)
            if (index, direction) not in self._places or not (
                inside and self.spec.layers[index].cell.config.get("stateful")
            ):
                raise ValueError(
                    f"Layer {index} has no state {direction!r} that it carries from batch to batch."
                )
        self._states = {
            key: tuple(np.array(array, self.dtype) for array in state)
            for key, state in states.items()
        }

    def _begin(
        self, batch: int, training: bool, rng: np.random.Generator | ChanceOfRows | None
    ) -> None:
        """Checks before the first layer runs, so that an error leaves the states as they are."""
        self._records = None
        self.output_mask = None
        expected = self.spec.batch_shape[0] if self.spec.is_stateful else None
        for state in self._states.values():
            expected = len(state[0])
        if expected is not None and batch != expected:
            raise ValueError(
                "The state of each row is carried on, so that all batches are of the same size "
                f"until the states are reset. Expected batch size: {expected}. Received batch "
                f"size: {batch}"
            )
        if not training:
            return
        for layer in self.spec.layers:
            if layer.class_name == "Dropout" and layer["rate"] and rng is None:
                raise ValueError("Training with Dropout takes a random generator: rng is None.")
            for key in ("dropout", "recurrent_dropout"):
                if layer.cell.is_recurrent and layer.cell.config.get(key):
                    raise ValueError(
                        f"{layer.cell.class_name} has a {key} of {layer.cell[key]}: here only "
                        "Dropout layers can be trained. Expected 0."
                    )

    def _run(
        self,
        first: int,
        x: Array | None,
        projected: list[Array] | None,
        mask: Array | None,
        training: bool,
        rng: np.random.Generator | ChanceOfRows | None,
        keep: bool,
    ) -> Array:
        """Runs the layers from `first` on."""
        records: list[_Record] = []
        for index, layer in enumerate(self.spec.layers):
            if index < first:
                continue
            name = layer.class_name
            record = _Record(x, np.empty(0), mask)
            if name == "OutputFeedbackRNN":
                inputs = self._project(index, "", x) if x is not None else (projected or [])[0]
                record.y = self._output_feedback(index, inputs, mask, record, training, keep)
                projected = None
            elif layer.cell.is_recurrent:
                record.y = self._recurrent(index, x, projected, mask, record, keep)
                projected = None
                if not layer.cell["return_sequences"]:
                    mask = None
            else:
                assert x is not None
                if name == "Masking":
                    record.y, mask = masking(x, float(str(layer["mask_value"])))
                    record.mask = mask
                elif name == "Dropout":
                    record.y = x
                    if training and layer["rate"]:
                        assert rng is not None
                        record.y, record.factors = dropout(x, float(str(layer["rate"])), rng)
                elif name == "Dense":
                    record.y = self._dense(index, x)
                elif name == "Flatten":
                    # A Dense that comes next reads the steps from where they are.
                    record.y, mask = x if self._is_flattened(index + 1) else flatten(x), None
                elif name == "GlobalAveragePooling1D":
                    record.y, mask = mean_pooling(x, mask), None
                elif name == "MaskedPooling1D":
                    record.y, mask = masked_pooling(x, mask, str(layer["mode"])), None
                else:
                    record.y, mask = max_pooling(x), None
            x = record.y
            if keep:
                records.append(record)
        assert x is not None
        self.output_mask = mask
        self._records = records if keep else None
        return x

    def _is_flattened(self, index: int) -> bool:
        """Whether a layer is a Dense on time steps that a Flatten puts side by side."""
        pair = [layer.class_name for layer in self.spec.layers[max(index - 1, 0) : index + 1]]
        return pair == ["Flatten", "Dense"]

    def _dense(self, index: int, x: Array) -> Array:
        kernel, activation = (
            self._weight(index, "", "kernel"),
            self.spec.layers[index]["activation"],
        )
        flattened = self._is_flattened(index) and x.ndim == 3
        inputs = x.shape[1] * x.shape[2] if flattened else x.shape[-1]
        if inputs != len(kernel):
            raise ValueError(
                f"Layer {index}, Dense, expects {len(kernel)} inputs: {self.spec.batch_shape[1]} "
                f"time steps. Received: {inputs}"
            )
        function = dense_of_steps if flattened else dense
        return function(x, kernel, self._bias(index, ""), str(activation))

    def _recurrent(
        self,
        index: int,
        x: Array | None,
        projected: list[Array] | None,
        mask: Array | None,
        record: _Record,
        keep: bool,
    ) -> Array:
        for place, (name, cell) in enumerate(self._directions(index)):
            if projected is not None:
                inputs = projected[place]
            else:
                assert x is not None
                inputs = self._project(index, name, x)
            done = scan(
                cell,
                inputs,
                self._weight(index, name, "recurrent_kernel"),
                split_bias(cell, self._bias(index, name))[1],
                initial_state=self._states.get((index, name)),
                mask=mask,
                keep=keep,
            )
            if cell["stateful"]:
                self._states[index, name] = done.state
            y = done.outputs if cell["return_sequences"] else done.last
            assert y is not None
            if name == "backward" and cell["return_sequences"]:
                y = y[:, ::-1]  # in the order of the other direction again
            record.directions.append(y)
            record.kept.append(done.kept)
        if len(record.directions) == 1:
            return record.directions[0]
        forward, backward = record.directions
        mode = self.spec.layers[index]["merge_mode"]
        if mode == "concat":
            return _concatenate(forward, backward)
        if mode == "mul":
            return forward * backward
        return (forward + backward) * (0.5 if mode == "ave" else 1)

    def _output_feedback(
        self,
        index: int,
        projected: Array,
        mask: Array | None,
        record: _Record,
        training: bool,
        keep: bool,
    ) -> Array:
        if mask is not None:
            raise ValueError("OutputFeedbackRNN reads all steps. Expected no Masking before it.")
        if keep and not training:
            raise ValueError(
                "An OutputFeedbackRNN that runs on its own outputs can't be gone back through. "
                "Expected training=True."
            )
        layer, weights = self.spec.layers[index], self._arrays(index)
        if training:
            record.hidden, y = forced(layer, projected, weights)
        else:
            state = self._states.get((index, ""))
            _, y = free(layer, projected, weights, state[0] if state else None)
        if layer["stateful"]:
            self._states[index, ""] = (y[:, -1].copy(),)
        return y if layer["return_sequences"] else y[:, -1]

    def _forced_back(
        self,
        index: int,
        record: _Record,
        gradient: Array,
        of_sum: bool,
        wanted: bool,
        gradients: list[Array | None],
    ) -> list[Array]:
        """As `_recurrent_back`, of an OutputFeedbackRNN."""
        layer, hidden, y = self.spec.layers[index], record.hidden, record.y
        assert hidden is not None
        if not layer["return_sequences"]:
            # Only the last step came out, and nothing goes back from it to those before.
            hidden, y, gradient = hidden[:, -1:], y[:, np.newaxis], gradient[:, np.newaxis]
        of_projected, output_kernel, output_bias = forced_backward(
            layer, hidden, y, self._arrays(index), gradient, of_sum=of_sum
        )
        if not layer["return_sequences"]:
            of_last, of_projected = of_projected, np.zeros_like(record.hidden)
            of_projected[:, -1:] = of_last
        kernel: Array | None = None
        found: list[Array] = [of_projected]
        if record.x is not None:
            kernel, of_x = project_backward(
                record.x, self._weight(index, "", "kernel"), of_projected, input_gradient=wanted
            )
            found = [] if of_x is None else [of_x]
        self._put(
            gradients,
            index,
            "",
            kernel=kernel,
            bias=sum_rows(of_projected),
            output_kernel=output_kernel,
            output_bias=output_bias,
        )
        return found

    def _recurrent_back(
        self,
        index: int,
        record: _Record,
        gradient: Array,
        wanted: bool,
        gradients: list[Array | None],
    ) -> list[Array]:
        """Fills in the gradients of a recurrent layer's weights.

        Returns:
            The gradient of its input as the only one of a list, or of none where it is not
            wanted; where projected inputs came, the gradients of these.
        """
        directions = [gradient]
        mode = self.spec.layers[index].config.get("merge_mode")
        if mode == "concat":
            units = self.spec.layers[index].units
            directions = [gradient[..., :units], gradient[..., units:]]
        elif mode == "mul":
            directions = [gradient * other for other in reversed(record.directions)]
        elif mode is not None:
            directions = [gradient * (0.5 if mode == "ave" else 1)] * 2
        of_x: Array | None = None
        of_projected = []
        for place, (name, cell) in enumerate(self._directions(index)):
            of_y = directions[place]
            if name == "backward" and cell["return_sequences"]:
                of_y = of_y[:, ::-1]
            found = scan_backward(record.kept[place], of_y)
            bias: Array | None = None
            if cell["use_bias"]:
                bias = sum_rows(found.projected)
                if found.recurrent_bias is not None:
                    bias = np.stack([bias, found.recurrent_bias])
            kernel = None
            if record.x is not None:
                kernel, more = project_backward(
                    record.x,
                    self._weight(index, name, "kernel"),
                    found.projected,
                    input_gradient=wanted,
                )
                of_x = more if of_x is None or more is None else of_x + more
            of_projected.append(found.projected)
            self._put(
                gradients,
                index,
                name,
                kernel=kernel,
                recurrent_kernel=found.recurrent_kernel,
                bias=bias,
            )
        if record.x is None:
            return of_projected
        return [] if of_x is None else [of_x]

    def _first_recurrent(self) -> int:
        index = 1 if self.spec.layers[0].class_name == "Masking" else 0
        names = [layer.class_name for layer in self.spec.layers]
        if index == len(names) or not self.spec.layers[index].cell.is_recurrent:
            raise ValueError(
                "Projected inputs are those of a recurrent layer at the beginning, after a Masking "
                f"or not. Received the layers: {', '.join(names)}"
            )
        return index

    def _directions(self, index: int) -> Iterator[tuple[str, LayerSpec]]:
        """The recurrent layers that a layer consists of, each with its direction."""
        layer = self.spec.layers[index]
        if layer.is_recurrent:
            yield "", layer
            return
        cell = layer.cell
        # Keras, too, sets the masked outputs of both directions to zero when it puts them together.
        config = {**cell.config, "zero_output_for_mask": cell["return_sequences"]}
        yield "forward", LayerSpec(cell.class_name, config)
        yield "backward", LayerSpec(cell.class_name, {**config, "go_backwards": True})

    def _project(self, index: int, direction: str, x: Array) -> Array:
        bias, _ = split_bias(self.spec.layers[index].cell, self._bias(index, direction))
        return project(x, self._weight(index, direction, "kernel"), bias)

    def _weight(self, index: int, direction: str, name: str) -> Array:
        return self.weights[self._places[index, direction][name]]

    def _arrays(self, index: int) -> dict[str, Array]:
        return {name: self.weights[place] for name, place in self._places[index, ""].items()}

    def _bias(self, index: int, direction: str) -> Array | None:
        place = self._places[index, direction].get("bias")
        return None if place is None else self.weights[place]

    def _put(
        self, gradients: list[Array | None], index: int, direction: str, **found: Array | None
    ) -> None:
        for name, place in self._places[index, direction].items():
            gradients[place] = found[name]


def _simple_back(layer: LayerSpec, record: _Record, gradient: Array) -> Array:
    """The way back through a layer without weights."""
    assert record.x is not None
    if layer.class_name == "Masking":
        assert record.mask is not None
        return gradient * record.mask[..., np.newaxis]
    if layer.class_name == "Dropout":
        if record.factors is None:
            return gradient
        return np.multiply(gradient, record.factors, out=empty_like(record.factors))
    if layer.class_name == "Flatten":
        return gradient if gradient.ndim == 3 else gradient.reshape(record.x.shape)
    if layer.class_name == "GlobalAveragePooling1D":
        return mean_pooling_backward(record.x, record.mask, gradient)
    if layer.class_name == "MaskedPooling1D":
        return masked_pooling_backward(
            record.x, record.mask, record.y, str(layer["mode"]), gradient
        )
    return max_pooling_backward(record.x, record.y, gradient)


def _concatenate(forward: Array, backward: Array) -> Array:
    """Side by side on the last axis; with time first in memory where there is time."""
    if forward.ndim == 2:
        return np.concatenate([forward, backward], axis=-1)
    by_time = [forward.swapaxes(0, 1), backward.swapaxes(0, 1)]
    return np.concatenate(by_time, axis=-1).swapaxes(0, 1)
