"""Why a classifier says what it says: what each token of a text has to do with it.

A recurrent network reads a text token by token, so that there is something to see after each: what
it would say if the text ended there. How much a token weighs in the end is another question, which
is answered in one of two ways.

``gradient``: the gradient of the log odds with respect to the token's vector, times the vector. Of
a network that only adds up what its tokens are worth, that is what each is worth; of any other, a
straight line in place of a curve. It takes one pass forwards and one back.

``occlusion``: the log odds of the text, less those of the text without the token. It takes a pass
for each token, which all others read.

Sources: gradient times input: Denil, Demiraj and de Freitas, "Extraction of Salient Sentences from
Labelled Documents", 2014; Shrikumar, Greenside and Kundaje, "Learning Important Features Through
Propagating Activation Differences", 2017. Leaving words out: Li, Monroe and Jurafsky,
"Understanding Neural Networks through Representation Erasure", 2016.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from sentiment_rnn.architectures.layers import POOLING, LayerSpec, NetworkSpec
from sentiment_rnn.errors import UsageError
from sentiment_rnn.numpy_rnn.network import Network
from sentiment_rnn.numpy_rnn.prediction import Predictor
from sentiment_rnn.prediction import Explanation, TokenExplanation, class_probabilities
from sentiment_rnn.preprocessing.preprocessor import Preprocessor

Array = np.ndarray

METHODS = ("gradient", "occlusion")
# Behind a stateful layer they see the window that is read, and nothing of those before it.
_OF_WINDOWS = ("Flatten", *POOLING)


def logits_network(network: NetworkSpec) -> NetworkSpec:
    """The same layers without the last activation: what comes out is what it was applied to.

    Args:
        network: layers of which the last is a Dense with a sigmoid or a softmax.

    Raises:
        UsageError: for another last layer.
    """
    last = network.layers[-1]
    activation = last.config.get("activation")
    if last.class_name != "Dense" or activation not in ("sigmoid", "softmax"):
        raise UsageError(
            "Expected a network that ends in a Dense layer with a sigmoid or softmax. Received: "
            f"{last.class_name} with {activation}"
        )
    linear = dataclasses.replace(last, config={**last.config, "activation": "linear"})
    return dataclasses.replace(network, layers=(*network.layers[:-1], linear))


class Explainer:
    """Explains what a network says of texts. Threads may share it.

    The work grows with the square of a text's length where the method is occlusion, and where a
    text must be read again for each of its beginnings: by a network that reads from both ends, or
    counts the padding, as behind a Flatten.

    Args:
        network: the layers, of which the last is a Dense with one or two outputs.
        weights: their arrays in the order of ``network.weights()``; not changed.
        preprocessor: what encodes the texts.
        predictor: of the same three.
        method: how contributions are computed, one of `METHODS`.

    Raises:
        UsageError: for a network that doesn't end in a Dense layer with a sigmoid or softmax, a
            stateful one that pools over each window, or another method.
    """

    def __init__(
        self,
        network: NetworkSpec,
        weights: Sequence[Array],
        preprocessor: Preprocessor,
        predictor: Predictor,
        *,
        method: str = "gradient",
    ) -> None:
        if method not in METHODS:
            raise UsageError(f"Expected a method among {', '.join(METHODS)}. Received: {method!r}")
        # Texts come one by one, whatever batch size a stateful network was trained with.
        network = dataclasses.replace(network, batch_shape=(None, *network.batch_shape[1:]))
        self._window = network.batch_shape[1] if network.is_stateful else None
        if self._window and any(layer.class_name in _OF_WINDOWS for layer in network.layers):
            raise UsageError(
                "Behind a stateful network a head other than last sees the last window alone: what "
                "it says can't be explained by the whole text."
            )
        self._of_logits, self._weights = logits_network(network), list(weights)
        self._recurrent = _recurrent_part(network)
        self._preprocessor, self._predictor = preprocessor, predictor
        self._vectors = preprocessor.embedding_matrix()
        self._predictor_of_logits = None
        if method == "occlusion":
            self._predictor_of_logits = Predictor(self._of_logits, weights, preprocessor)

    def explain(self, text: str, class_names: Sequence[str]) -> Explanation:
        """Explains what the network says of a text.

        Args:
            text: the text.
            class_names: what the classes are called.
        """
        tokens = self._preprocessor.tokenizer.span_tokenize(text)
        words = [token.token for token in tokens]
        known = np.flatnonzero(self._preprocessor.is_known(words))
        (places,) = self._preprocessor.truncate([known])
        (ids,) = self._preprocessor.encode_tokens([[words[place] for place in places]])
        by_prefix = class_probabilities(self._predictor.predict_prefixes(ids))
        likeliest = int(by_prefix[-1].argmax())
        label, two = class_names[likeliest], len(class_names) == 2
        explained = 1 if two else likeliest
        probabilities = by_prefix[:, explained].tolist()
        contributions = dict(zip(places.tolist(), self._contributions(ids, explained), strict=True))
        states = self._states(ids)
        # How many have been read when a token has passed.
        read = np.cumsum(np.isin(np.arange(len(tokens)), places))
        return Explanation(
            text,
            label,
            tuple(by_prefix[-1].tolist()),
            len(places) < len(known),
            class_names=tuple(class_names),
            known=bool(len(known)),
            classes=(class_names[0], class_names[1]) if two else (f"not {label}", label),
            before=probabilities[0],
            tokens=[
                TokenExplanation(*token, probabilities[count], contributions.get(place))
                for place, (token, count) in enumerate(zip(tokens, read, strict=True))
            ],
            states=np.concatenate([np.zeros((1, states.shape[1]), states.dtype), states])[read],
        )

    def _contributions(self, ids: Array, explained: int) -> list[float]:
        """By how much each token raises the log odds of a class ``(tokens,)``."""
        if not len(ids):
            return []
        if self._predictor_of_logits is not None:
            rest = [np.delete(ids, place) for place in range(len(ids))]
            logits = self._predictor_of_logits.predict([ids, *rest])
            whole, *without = _log_odds(logits, explained)[0]
            return (whole - np.array(without)).tolist()
        x, read = self._input(ids)
        network = Network(self._of_logits, self._weights)
        _, slopes = _log_odds(network.forward(x, keep=True), explained)
        _, gradient = network.backward(slopes)
        assert gradient is not None
        return (gradient * x).sum(axis=2)[0, read].tolist()

    def _states(self, ids: Array) -> Array:
        """The outputs of the last recurrent layer, ``(tokens, units)``."""
        x, read = self._input(ids)
        weights = self._weights[: len(self._recurrent.weights())]
        states = Network(self._recurrent, weights).forward(x)[0]
        backwards = sum(_goes_backwards(layer) for layer in self._recurrent.layers)
        # Such a layer gives its outputs in the order in which it reads.
        return (states[::-1] if backwards % 2 else states)[read]

    def _input(self, ids: Array) -> tuple[Array, slice]:
        """The vectors ``(1, time, features)`` of a padded text, and where in them the text is."""
        padded = self._preprocessor.pad([ids])
        # Without a maxlen a text of no known token has no padding either.
        steps = max(1, padded.shape[1])
        if self._window:
            steps = -(-steps // self._window) * self._window
        padded = np.pad(padded, ((0, 0), (0, steps - padded.shape[1])))
        before = padded.shape[1] - len(ids) if self._preprocessor.config.padding == "pre" else 0
        return self._vectors[padded], slice(before, before + len(ids))


def _log_odds(logits: Array, explained: int) -> tuple[Array, Array]:
    """The log odds of a class against all others, and their gradient.

    Args:
        logits: what the sigmoid or softmax is applied to, ``(texts, outputs)``.
        explained: the number of the class.

    Returns:
        ``(texts,)`` and ``(texts, outputs)``.
    """
    if logits.shape[1] == 1:
        return logits[:, 0], np.ones_like(logits)
    # log(p / (1 - p)) is the class's logit less the logarithm of the others' sum.
    others = logits.copy()
    others[:, explained] = -np.inf
    highest = others.max(axis=1, keepdims=True)
    powers = np.exp(others - highest)
    total = powers.sum(axis=1, keepdims=True)
    slopes = -powers / total
    slopes[:, explained] = 1
    return logits[:, explained] - (highest + np.log(total))[:, 0], slopes


def thought_network(network: NetworkSpec) -> NetworkSpec:
    """The layers that make the thought vector of a text: what the last layer decides by.

    Behind a Flatten, which puts the states of all tokens side by side, it is the last of them, as
    of `mean_network`.

    Args:
        network: layers of which the last is a Dense.

    Example:
        >>> from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
        >>> network = sentiment_network(ArchitectureConfig(), maxlen=400, vector_size=300)
        >>> [layer.class_name for layer in thought_network(network).layers]
        ['Masking', 'SimpleRNN']
    """
    if "Flatten" not in (layer.class_name for layer in network.layers):
        return dataclasses.replace(network, layers=network.layers[:-1])
    network = _forwards(_recurrent_part(network, every=False))
    # The state after the padding would say little of the text before it.
    masking = () if network.layers[0].class_name == "Masking" else (LayerSpec("Masking"),)
    return dataclasses.replace(network, layers=(*masking, *network.layers))


def mean_network(network: NetworkSpec) -> NetworkSpec:
    """The layers that make the mean of what the last recurrent layer says of all tokens.

    They read whole texts, and forwards: of a network that `goes_backwards` texts that were turned
    around.

    Args:
        network: layers of which one is recurrent.

    Example:
        >>> from sentiment_rnn.architectures import ArchitectureConfig, sentiment_network
        >>> network = sentiment_network(ArchitectureConfig(), maxlen=400, vector_size=300)
        >>> [layer.class_name for layer in mean_network(network).layers]
        ['Masking', 'SimpleRNN', 'MaskedPooling1D']
    """
    network = _forwards(_recurrent_part(network))
    if network.is_stateful:
        layers = tuple(_changed(layer, stateful=False) for layer in network.layers)
        network = NetworkSpec((None, None, network.batch_shape[2]), layers)
    masking = () if network.layers[0].class_name == "Masking" else (LayerSpec("Masking"),)
    mean = LayerSpec("MaskedPooling1D", {"mode": "mean"})
    return dataclasses.replace(network, layers=(*masking, *network.layers, mean))


def _recurrent_part(network: NetworkSpec, *, every: bool = True) -> NetworkSpec:
    """The layers up to the last recurrent one, with its output at every token or at the last."""
    places = [place for place, layer in enumerate(network.layers) if layer.cell.is_recurrent]
    last = _changed(network.layers[places[-1]], return_sequences=every)
    return dataclasses.replace(network, layers=(*network.layers[: places[-1]], last))


def goes_backwards(network: NetworkSpec) -> bool:
    """Whether the first recurrent layer reads a text from its end, and no other does."""
    backwards = [_goes_backwards(one) for one in network.layers if one.cell.is_recurrent]
    return backwards[:1] == [True] and not any(backwards[1:])


def _goes_backwards(layer: LayerSpec) -> bool:
    return layer.is_recurrent and bool(layer["go_backwards"])


def _forwards(network: NetworkSpec) -> NetworkSpec:
    """The same layers for texts that were turned around, if they go backwards.

    Of outputs in reverse Keras leaves the mask as it is: what comes next would skip other steps
    than the padding.
    """
    layers = tuple(_changed(layer, go_backwards=False) for layer in network.layers)
    return dataclasses.replace(network, layers=layers) if goes_backwards(network) else network


def _changed(layer: LayerSpec, **changes: bool) -> LayerSpec:
    """A layer with other settings if it is recurrent; of a Bidirectional one those of its cell."""
    if not layer.cell.is_recurrent:
        return layer
    cell = LayerSpec(layer.cell.class_name, {**layer.cell.config, **changes})
    if layer.class_name == "Bidirectional":
        return LayerSpec("Bidirectional", {**layer.config, "layer": cell})
    return cell
