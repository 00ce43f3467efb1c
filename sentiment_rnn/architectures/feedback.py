"""The two early recurrent layers as Keras layers: hidden feedback and output feedback.

Importing this module is all that plain Keras needs to read models made of them: the classes are
registered, so that ``keras.models.model_from_json`` and ``keras.models.load_model`` find them.

In both, a step puts two things side by side: what it makes of the input, and what it makes of the
step before. In the one that is the hidden state, in the other the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

Shape = Sequence[int | None]


class _Cell(keras.Layer):
    """What the cells of both layers share: units, activation, and a bias or none."""

    def __init__(self, units: int, activation: str, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def get_config(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }

    def _bias(self, shape: tuple[int, ...], name: str = "bias") -> keras.Variable | None:
        if not self.use_bias:
            return None
        return self.add_weight(shape=shape, initializer="zeros", name=name)


class _HiddenFeedbackCell(_Cell):
    def __init__(self, units: int, activation: str, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.state_size = self.output_size = 2 * self.units

    def build(self, input_shape: Shape) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(2 * self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self._bias((2, self.units))

    def call(
        self, inputs: keras.KerasTensor, states: Sequence[keras.KerasTensor]
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        of_input = ops.matmul(inputs, self.kernel)
        of_state = ops.matmul(states[0], self.recurrent_kernel)
        if self.bias is not None:
            of_input, of_state = of_input + self.bias[0], of_state + self.bias[1]
        hidden = self.activation(ops.concatenate([of_input, of_state], axis=-1))
        return hidden, [hidden]


class _OutputFeedbackCell(_Cell):
    def __init__(
        self, units: int, output_size: int, activation: str, use_bias: bool, **kwargs: Any
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.state_size = self.output_size = output_size

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size}

    def build(self, input_shape: Shape) -> None:
        if input_shape[-1] != self.output_size:
            raise ValueError(
                "OutputFeedbackRNN reads its outputs as it reads inputs, so that it has as many. "
                f"Expected an output_size of {input_shape[-1]}. Received: {self.output_size}"
            )
        self.kernel = self.add_weight(
            shape=(self.output_size, 2 * self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self._bias((2 * self.units,))
        self.output_kernel = self.add_weight(
            shape=(2 * self.units, self.output_size),
            initializer="glorot_uniform",
            name="output_kernel",
        )
        self.output_bias = self._bias((self.output_size,), "output_bias")

    def call(
        self, inputs: keras.KerasTensor, states: Sequence[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        previous = inputs if training else states[0]
        of_input, of_output = ops.split(self.kernel, 2, axis=-1)
        both = ops.concatenate(
            [ops.matmul(inputs, of_input), ops.matmul(previous, of_output)], axis=-1
        )
        if self.bias is not None:
            both = both + self.bias
        output = ops.matmul(self.activation(both), self.output_kernel)
        if self.output_bias is not None:
            output = output + self.output_bias
        output = ops.softmax(output)
        return output, [output]


class _FeedbackRNN(keras.layers.RNN):
    """A layer around a cell of its own that is written down by its settings, not by its cell."""

    def __init__(self, cell: _Cell, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = [keras.layers.InputSpec(ndim=3)]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        return {**config, **self.cell.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> _FeedbackRNN:
        return cls(**config)


@keras.saving.register_keras_serializable(package="sentiment_rnn")
class HiddenFeedbackRNN(_FeedbackRNN):
    """A recurrent layer that puts side by side what comes from the input and from the state.

    ``h_t = f([x_t @ kernel + bias[0], h_{t-1} @ recurrent_kernel + bias[1]])``, of twice as many
    numbers as it has units. Added up instead of put side by side, that is Keras's ``SimpleRNN``.

    Args:
        units: numbers that come from the input, and as many from the state.
        activation: a name that Keras knows.
        use_bias: whether there is a bias, ``(2, units)``.
        **kwargs: of `keras.layers.RNN`, such as ``return_sequences`` and ``stateful``.

    Example:
        >>> layer = HiddenFeedbackRNN(100, return_sequences=True)
        >>> layer(keras.ops.ones((32, 40, 27))).shape
        TensorShape([32, 40, 200])
        >>> [tuple(array.shape) for array in layer.weights]
        [(27, 100), (200, 100), (2, 100)]
    """

    def __init__(
        self, units: int, activation: str = "relu", use_bias: bool = True, **kwargs: Any
    ) -> None:
        cell = _HiddenFeedbackCell(
            units, activation, use_bias, dtype=kwargs.get("dtype"), name="hidden_feedback_cell"
        )
        super().__init__(cell, **kwargs)


@keras.saving.register_keras_serializable(package="sentiment_rnn")
class OutputFeedbackRNN(_FeedbackRNN):
    """A recurrent layer whose memory is what it said last, trained by teacher forcing.

    ``h_t = f([x_t @ kernel[:, :units], y_{t-1} @ kernel[:, units:]] + bias)`` and
    ``y_t = softmax(h_t @ output_kernel + output_bias)``, where ``y_t`` is the probability of what
    comes next. So ``y_{t-1}`` is about ``x_t``, and in training the truth stands in its place,
    which is ``x_t`` itself: no gradient goes back through time, and all steps are computed at
    once. What it learns so depends on one character alone.

    Args:
        units: numbers that come from the input, and as many from the output before.
        output_size: symbols: the size of inputs and outputs.
        activation: a name that Keras knows.
        use_bias: whether there are the two biases.
        **kwargs: of `keras.layers.RNN`, such as ``return_sequences`` and ``stateful``.

    Raises:
        ValueError: when it is built, if inputs are of another size than outputs.

    Example:
        >>> layer = OutputFeedbackRNN(50, 27, return_sequences=True)
        >>> layer(keras.ops.ones((64, 20, 27))).shape
        TensorShape([64, 20, 27])

    Sources: Jordan, "Serial Order: A Parallel Distributed Processing Approach", 1986; teacher
    forcing: Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent
    Neural Networks", 1989; its limits: Goodfellow, Bengio and Courville, "Deep Learning", 2016,
    section 10.2.1.
    """

    def __init__(
        self,
        units: int,
        output_size: int,
        activation: str = "tanh",
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        cell = _OutputFeedbackCell(
            units,
            output_size,
            activation,
            use_bias,
            dtype=kwargs.get("dtype"),
            name="output_feedback_cell",
        )
        super().__init__(cell, **kwargs)
