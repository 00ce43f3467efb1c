"""The weights of each Keras version → the same numbers; hostile or damaged ones → clear errors."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.errors import ModelError
from sentiment_rnn.persistence.keras_json import SavedNetwork, parse_network, read_network
from sentiment_rnn.persistence.keras_weights import read_weights
from tests.persistence.old_keras import (
    Layer,
    keras_1_json,
    keras_1_weights,
    keras_2_json,
    keras_2_weights,
    predict,
    with_weights,
    write,
)

SHAPE = (None, 5, 3)
HARD = "hard_sigmoid"


def dense(units: int = 1, activation: str = "sigmoid", **settings) -> Layer:
    return Layer("Dense", units=units, activation=activation, **settings)


# The layers that every Keras version has, in each of the ways that change the arithmetic.
NETWORKS = {
    "textbook": lambda: [
        Layer("SimpleRNN", units=4, return_sequences=True),
        Layer("Dropout", rate=0.2),
        Layer("Flatten"),
        dense(),
    ],
    "lstm": lambda: [
        Layer("LSTM", units=4, return_sequences=True),
        Layer("LSTM", units=6, gate="sigmoid", activation="relu"),
        dense(2, "softmax"),
    ],
    "gru": lambda: [
        Layer("GRU", units=4, return_sequences=True),
        Layer("GRU", units=6, gate="sigmoid"),
        dense(2, "softmax"),
    ],
    "backwards": lambda: [Layer("GRU", units=4, go_backwards=True), dense(2, "tanh")],
    "bidirectional simple": lambda: [
        Layer("SimpleRNN", units=4, return_sequences=True, merge_mode="concat"),
        Layer("Flatten"),
        dense(),
    ],
    "bidirectional lstm": lambda: [
        Layer("LSTM", units=4, return_sequences=True, merge_mode="sum"),
        Layer("LSTM", units=6, merge_mode="concat"),
        dense(2, "softmax"),
    ],
    "bidirectional gru": lambda: [
        Layer("GRU", units=4, return_sequences=True, merge_mode="mul"),
        Layer("GRU", units=6, merge_mode="ave"),
        dense(),
    ],
    "hard": lambda: [
        Layer("SimpleRNN", units=4, activation=HARD, return_sequences=True),
        Layer("GRU", units=6, activation=HARD, gate="sigmoid", return_sequences=True),
        Layer("GRU", units=7, activation=HARD, gate=HARD),
        dense(2, HARD, use_bias=False),
    ],
    "mean": lambda: [
        Layer("LSTM", units=4, return_sequences=True),
        Layer("GlobalAveragePooling1D"),
        dense(2, "linear"),
        Layer("Activation", activation="softmax"),
    ],
    "max": lambda: [
        Layer("SimpleRNN", units=4, return_sequences=True),
        Layer("GlobalMaxPooling1D"),
        dense(2, "linear"),
        Layer("Activation", activation=HARD),
    ],
}
# What came with Keras 2.
NEWER = {
    "reset after": lambda: [
        Layer("GRU", units=4, reset_after=True, return_sequences=True, merge_mode="concat"),
        Layer("GRU", units=6, reset_after=True, activation=HARD),
        dense(),
    ],
    "no bias": lambda: [
        Layer("LSTM", units=4, use_bias=False, return_sequences=True),
        Layer("GRU", units=6, use_bias=False, merge_mode="sum"),
        dense(use_bias=False),
    ],
}
FORMATS: dict[str, tuple[Callable, Callable, dict[str, bool]]] = {
    "Keras 1": (keras_1_json, keras_1_weights, {}),
    "Keras 1 for GPUs": (keras_1_json, keras_1_weights, {"joined": True}),
    "Keras 2": (keras_2_json, keras_2_weights, {}),
    "Keras 2, whole model": (keras_2_json, keras_2_weights, {"whole_model": True}),
    "tf.keras": (keras_2_json, keras_2_weights, {"tensorflow": True}),
}
CASES = [
    *((kind, name) for kind in FORMATS for name in NETWORKS),
    *((kind, name) for kind in list(FORMATS)[2:] for name in NEWER),
]


def save_old(folder: Path, kind: str, layers: list[Layer]) -> tuple[Path, SavedNetwork]:
    to_json, to_hdf5, settings = FORMATS[kind]
    path = folder / "old.h5"
    to_hdf5(path, layers, **settings)
    tensorflow = {"tensorflow": True} if kind == "tf.keras" else {}
    return path, read_network(write(folder / "old.json", to_json(layers, SHAPE, **tensorflow)))


@pytest.fixture
def inputs():
    return np.random.default_rng(1).normal(size=(2, 5, 3)).astype(np.float32)


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_old_networks_compute_what_they_did(tmp_path, inputs, kind, name):
    layers = with_weights((NETWORKS | NEWER)[name](), SHAPE)
    path, saved = save_old(tmp_path, kind, layers)
    weights = read_weights(path, saved)
    assert all(array.dtype == np.float32 for array in weights)
    assert [array.shape for array in weights] == [one.shape for one in saved.network.weights()]
    outputs = np.asarray(build_network(saved.network, weights)(inputs))
    expected = predict(layers, inputs)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_old_stateful_network_carries_its_state(tmp_path, inputs):
    layers = with_weights([Layer("LSTM", units=4, stateful=True)], (2, 5, 3))
    keras_1_weights(tmp_path / "old.h5", layers)
    saved = parse_network(keras_1_json(layers, (2, 5, 3)))
    model = build_network(saved.network, read_weights(tmp_path / "old.h5", saved))
    model(inputs)
    whole = np.concatenate([inputs, inputs], axis=1)
    np.testing.assert_allclose(np.asarray(model(inputs)), predict(layers, whole), atol=1e-5)


KERAS_3_NETWORKS = {
    "simple": (
        LayerSpec("SimpleRNN", {"units": 4, "return_sequences": True}),
        LayerSpec("Dropout", {"rate": 0.2}),
        LayerSpec("SimpleRNN", {"units": 6, "return_sequences": True, "dropout": 0.1}),
        LayerSpec("Flatten"),
        LayerSpec("Dense", {"units": 7, "activation": "relu"}),
        LayerSpec("Dense", {"units": 2, "activation": "softmax"}),
    ),
    "lstm": (
        LayerSpec("Masking"),
        LayerSpec("LSTM", {"units": 4, "return_sequences": True, "recurrent_dropout": 0.1}),
        LayerSpec("LSTM", {"units": 6, "recurrent_activation": "hard_sigmoid"}),
        LayerSpec("Dense", {"units": 1, "use_bias": False}),
    ),
    "gru": (
        LayerSpec("GRU", {"units": 4, "return_sequences": True}),
        LayerSpec("GRU", {"units": 6, "reset_after": False, "use_bias": False}),
        LayerSpec("Dense", {"units": 1, "activation": "hard_sigmoid"}),
    ),
    "bidirectional": tuple(
        LayerSpec(
            "Bidirectional",
            {
                "layer": LayerSpec(kind, {"units": units, "return_sequences": True}),
                "merge_mode": mode,
            },
        )
        for kind, units, mode in (
            ("SimpleRNN", 4, "concat"),
            ("LSTM", 6, "sum"),
            ("GRU", 7, "mul"),
            ("LSTM", 2, "ave"),
        )
    ),
    "feedback": (
        LayerSpec("HiddenFeedbackRNN", {"units": 4, "return_sequences": True}),
        LayerSpec("Dense", {"units": 6}),
        LayerSpec("OutputFeedbackRNN", {"units": 5, "output_size": 6}),
    ),
    "pooling": (
        LayerSpec("GRU", {"units": 4, "return_sequences": True, "go_backwards": True}),
        LayerSpec("GlobalAveragePooling1D"),
        LayerSpec("Dense", {"units": 1}),
    ),
    "masked pooling": (
        LayerSpec("Masking"),
        LayerSpec("LSTM", {"units": 4, "return_sequences": True}),
        LayerSpec("MaskedPooling1D", {"mode": "mean_max"}),
        LayerSpec("Dense", {"units": 1}),
    ),
    "largest": (
        LayerSpec("GRU", {"units": 4, "return_sequences": True}),
        LayerSpec("GlobalMaxPooling1D"),
    ),
}


@pytest.mark.parametrize("whole", [False, True], ids=["weights", "whole model"])
@pytest.mark.parametrize("name", KERAS_3_NETWORKS)
def test_keras_3_networks_come_back_equal(tmp_path, inputs, name, whole):
    model = build_network(NetworkSpec((None, 5, 3), KERAS_3_NETWORKS[name]))
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=array.shape) for array in model.get_weights()])
    path = tmp_path / ("model.h5" if whole else "model.weights.h5")
    if whole:
        model.save(path)
    else:
        model.save_weights(path)
    (tmp_path / "model.json").write_text(model.to_json())
    saved = read_network(tmp_path / "model.json")
    weights = read_weights(path, saved)
    for array, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)
    outputs = np.asarray(build_network(saved.network, weights)(inputs))
    np.testing.assert_array_equal(outputs, np.asarray(model(inputs)))


def test_order_of_layers_with_names_of_their_own(tmp_path):
    """The names in the file come from the classes, and those of the JSON would sort otherwise."""
    model = keras.Sequential(
        [
            keras.Input((5, 3)),
            keras.layers.LSTM(3, return_sequences=True, name="zebra"),
            keras.layers.Dense(3, name="lstm_1"),
            keras.layers.LSTM(3, return_sequences=True, name="ape"),
            keras.layers.Dense(3, name="dense_7"),
        ]
    )
    model.save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "model.json").write_text(model.to_json())
    weights = read_weights(tmp_path / "model.weights.h5", read_network(tmp_path / "model.json"))
    for array, expected in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4"])
def test_other_kinds_of_floats(tmp_path, kind):
    path, saved, _ = textbook(tmp_path)
    before = read_weights(path, saved)
    for name in find_arrays(path):
        replace(path, name, lambda array: array.astype(kind))
    after = read_weights(path, saved)
    assert all(array.dtype == np.float32 for array in after)
    for array, expected in zip(after, before, strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-3)


def test_the_old_hard_sigmoid_touches_the_gates_alone(tmp_path):
    layers = with_weights([Layer("LSTM", units=4)], SHAPE)
    path, saved = save_old(tmp_path, "Keras 2", layers)
    kernel, _, bias = read_weights(path, saved)
    gates = layers[0].directions[0]
    for index, gate in enumerate("ifco"):
        columns = slice(4 * index, 4 * index + 4)
        factor = 1 if gate == "c" else np.float32(1.2)
        np.testing.assert_allclose(kernel[:, columns], gates.W[gate] * factor, rtol=1e-6)
        np.testing.assert_allclose(bias[columns], gates.b[gate] * factor, rtol=1e-6)


def test_weights_of_another_training_go_by_their_order(tmp_path):
    """Each training in a session counts the layers on: simple_rnn_3 where the JSON has _1."""
    layers = with_weights(NETWORKS["lstm"](), SHAPE)
    path, saved = save_old(tmp_path, "Keras 2", layers)
    expected = read_weights(path, saved)
    for layer in layers:
        layer.number += 9  # lstm_10 and lstm_11: their order as words is another
    keras_2_weights(path, layers)
    for array, same in zip(read_weights(path, saved), expected, strict=True):
        np.testing.assert_array_equal(array, same)


def test_other_names_without_an_order_are_refused(tmp_path):
    layers = with_weights(NETWORKS["lstm"](), SHAPE)
    path, saved = save_old(tmp_path, "tf.keras", layers)
    layers[0].number = 9
    keras_2_weights(path, layers, tensorflow=True)
    with pytest.raises(ModelError, match=r"the layers lstm_1, lstm_2, dense_3\. Missing: lstm_1"):
        read_weights(path, saved)


def test_names_that_keras_made_unique(tmp_path):
    path, saved, _ = textbook(tmp_path)
    expected = read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        for old, new in (("kernel:0", "kernel_1:0"), ("bias:0", "bias")):
            file.move(f"dense_4/dense_4/{old}", f"dense_4/dense_4/{new}")
    for array, same in zip(read_weights(path, saved), expected, strict=True):
        np.testing.assert_array_equal(array, same)


# --- what is refused ------------------------------------------------------------------------------

KERNEL = "simple_rnn_1/simple_rnn_1/kernel:0"


def textbook(folder: Path) -> tuple[Path, SavedNetwork, list[Layer]]:
    layers = with_weights(NETWORKS["textbook"](), SHAPE)
    return *save_old(folder, "Keras 2", layers), layers


@pytest.fixture
def old(tmp_path):
    path, saved, _ = textbook(tmp_path)
    return path, saved


@pytest.fixture
def new(tmp_path):
    network = NetworkSpec(
        SHAPE, (LayerSpec("LSTM", {"units": 4}), LayerSpec("Dense", {"units": 1}))
    )
    model = build_network(network)
    model.save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "model.json").write_text(model.to_json())
    return tmp_path / "model.weights.h5", read_network(tmp_path / "model.json")


def find_arrays(path: Path) -> list[str]:
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append(name) if hasattr(item, "dtype") else None)
    return found


def replace(path: Path, name: str, change) -> None:
    """Puts what `change` makes of an array in its place."""
    with h5py.File(path, "r+") as file:
        array = file[name][()]
        del file[name]
        file[name] = change(array)


def reset(path: Path, name: str, make) -> None:
    """Puts what `make` makes with the open file and the array in the array's place."""
    with h5py.File(path, "r+") as file:
        array = file[name][()]
        del file[name]
        make(file, array)


def test_missing_file_and_folder(tmp_path, old):
    with pytest.raises(ModelError, match=r"none\.h5 is missing"):
        read_weights(tmp_path / "none.h5", old[1])
    with pytest.raises(ModelError, match="expected an HDF5 file"):
        read_weights(tmp_path, old[1])


def test_no_hdf5_and_truncated(old):
    path, saved = old
    content = path.read_bytes()
    for other in (b"x" * 10_000, content[: len(content) // 2], b"\x89HDF\r\n\x1a\n" + b"\0" * 5000):
        path.write_bytes(other)
        with pytest.raises(ModelError, match=r"old\.h5: expected a whole HDF5 file\. Received: "):
            read_weights(path, saved)


def test_file_too_small_for_the_network(tmp_path, old):
    saved = parse_network(keras_2_json([Layer("LSTM", units=4000, number=1)], SHAPE))
    with pytest.raises(ModelError, match=r"at least 128,128,000 bytes for the weights .*Received"):
        read_weights(old[0], saved)


def test_empty_hdf5(old):
    path, saved = old
    with h5py.File(path, "w") as file:
        file["something"] = np.zeros(100)
    with pytest.raises(ModelError, match=r"'/layers': expected weights there\. They are missing"):
        read_weights(path, saved)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (KERNEL, "the kernel of simple_rnn_1, of shape (3, 4)"),
        ("dense_4/dense_4/bias:0", "the bias of dense_4, of shape (1,)"),
    ],
)
def test_missing_array_of_keras_2(old, name, missing):
    path, saved = old
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(ModelError) as raised:
        read_weights(path, saved)
    assert str(raised.value) == f"{path}: expected {missing}. It is missing."


def test_missing_layer_of_keras_2(old):
    path, saved = old
    with h5py.File(path, "r+") as file:
        del file["dense_4"]
    with pytest.raises(ModelError, match="'/dense_4': expected weights there"):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names"] = ["simple_rnn_1", "dense_4"]
    with pytest.raises(ModelError, match=r"the layers simple_rnn_1, dense_4\. Missing: dense_4"):
        read_weights(path, saved)


def test_missing_gate_of_keras_1(tmp_path):
    layers = with_weights(NETWORKS["lstm"](), SHAPE)
    path, saved = save_old(tmp_path, "Keras 1", layers)
    with h5py.File(path, "r+") as file:
        del file["lstm_1/lstm_1_U_f:0"]
    with pytest.raises(
        ModelError, match=r"the gates i, f, c, o of the recurrent_kernel of lstm_1\. Missing: f"
    ):
        read_weights(path, saved)


def test_missing_array_of_keras_3(new):
    path, saved = new
    with h5py.File(path, "r+") as file:
        del file["layers/lstm/cell/vars/1"]
    with pytest.raises(
        ModelError,
        match=r"/layers/lstm/cell/vars': expected 3 arrays \(kernel, recurrent_kernel, bias\)\. "
        "Received: 2",
    ):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        file["layers/lstm/cell/vars/x"] = np.zeros((4, 16))
    with pytest.raises(ModelError, match="/layers/lstm/cell/vars/1': expected weights there"):
        read_weights(path, saved)


def test_array_too_many(old):
    path, saved = old
    with h5py.File(path, "r+") as file:
        file["dense_4/dense_4/recurrent_kernel:0"] = np.zeros(3)
    with pytest.raises(ModelError, match="/recurrent_kernel:0': expected no such array"):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        del file["dense_4/dense_4/recurrent_kernel:0"]
        file["dense_4/more/kernel:0"] = np.zeros(3)
    with pytest.raises(ModelError, match=r"expected one kernel for the layer\. Received a second"):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        del file["dense_4/more"]
        file["dense_4/gamma:0"] = np.zeros(3)
    with pytest.raises(ModelError, match="/gamma:0': expected arrays called kernel, bias"):
        read_weights(path, saved)


@pytest.mark.parametrize("shape", [(4, 3), (3,), (3, 4, 1), (), (3, 5), (0,)])
def test_other_shape(old, shape):
    path, saved = old
    replace(path, KERNEL, lambda _: np.zeros(shape, np.float32))
    with pytest.raises(ModelError) as raised:
        read_weights(path, saved)
    assert str(raised.value) == (f"{path}, '/{KERNEL}': expected shape (3, 4). Received: {shape}")


@pytest.mark.parametrize("kind", ["i4", "bool", "c8", "S4", [("a", "f4")]])
def test_other_type(old, kind):
    path, saved = old
    replace(path, KERNEL, lambda array: np.zeros(array.shape, kind))
    with pytest.raises(ModelError, match=r"expected numbers of 16, 32 or 64 bits\. Received: "):
        read_weights(path, saved)


@pytest.mark.parametrize("kind", [h5py.string_dtype(), h5py.vlen_dtype(np.float32), h5py.ref_dtype])
def test_objects(old, kind):
    path, saved = old
    reset(path, KERNEL, lambda file, _: file.create_dataset(KERNEL, (3, 4), dtype=kind))
    with pytest.raises(
        ModelError, match=r"expected numbers of 16, 32 or 64 bits\. Received: object"
    ):
        read_weights(path, saved)


def test_group_type_and_nothing_instead_of_an_array(new):
    path, saved = new
    name = "layers/dense/vars/0"
    reset(path, name, lambda file, _: file.create_group(name))
    with pytest.raises(ModelError, match=f"/{name}': expected an array. Received something else"):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = np.dtype("f4")
    with pytest.raises(ModelError, match="expected an array"):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = h5py.Empty("f4")
    with pytest.raises(ModelError, match=r"expected shape \(4, 1\). Received: None"):
        read_weights(path, saved)
    with h5py.File(path, "r+") as file:
        del file["layers/dense"]
        file["layers/dense"] = np.zeros(3)
    with pytest.raises(ModelError, match="'dense': expected a group"):
        read_weights(path, saved)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(old, value):
    path, saved = old
    replace(path, KERNEL, lambda array: np.where(array == array[1, 2], value, array))
    with pytest.raises(
        ModelError, match=r"finite numbers\. .* others in the kernel of simple_rnn_1"
    ):
        read_weights(path, saved)


def test_numbers_too_large_for_float32(tmp_path, old):
    path, saved = old
    replace(path, KERNEL, lambda array: array.astype(np.float64) + 1e300)
    with pytest.raises(ModelError, match="expected finite numbers"):
        read_weights(path, saved)
    # One becomes too large by the factor of the hard sigmoid, one is a NaN that warns of its use.
    layers = with_weights([Layer("Dense", units=4, activation=HARD)], SHAPE)
    assert layers[0].kernel is not None
    for number in np.array([3.3e38, 0], np.float32), np.array([0x7F800001], np.uint32):
        layers[0].kernel[0, 0] = number.view(np.float32)[0]
        path, saved = save_old(tmp_path, "Keras 2", layers)
        with pytest.raises(ModelError, match="expected finite numbers"):
            read_weights(path, saved)


LINKS = {
    "soft": lambda place: h5py.SoftLink("/elsewhere"),
    "dangling": lambda place: h5py.SoftLink("/nowhere"),
    "external": lambda place: h5py.ExternalLink(str(place), "/elsewhere"),
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("name", [KERNEL, "simple_rnn_1/simple_rnn_1", "simple_rnn_1"])
def test_links_of_keras_2(tmp_path, old, link, name):
    path, saved = old
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    for file_name in (path, other):
        with h5py.File(file_name, "r+") as file:
            file.move(name, "elsewhere")
    with h5py.File(path, "r+") as file:
        file[name] = LINKS[link](other)
    with pytest.raises(ModelError, match=f"/{name}': expected weights in the file itself."):
        read_weights(path, saved)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("name", ["layers", "layers/lstm", "layers/lstm/cell/vars/0"])
def test_links_of_keras_3(tmp_path, new, link, name):
    path, saved = new
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    for file_name in (path, other):
        with h5py.File(file_name, "r+") as file:
            file.move(name, "elsewhere")
    with h5py.File(path, "r+") as file:
        file[name] = LINKS[link](other)
    with pytest.raises(ModelError, match=f"/{name}': expected weights in the file itself."):
        read_weights(path, saved)


def test_external_link_is_not_even_opened(tmp_path, old):
    """Opening a pipe would wait for somebody to write to it, for ever."""
    path, saved = old
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        file[KERNEL] = h5py.ExternalLink(str(tmp_path / "pipe"), "/x")
    with pytest.raises(ModelError, match=r"expected weights in the file itself\. Received a link"):
        read_weights(path, saved)


def test_numbers_kept_in_another_file(tmp_path, old):
    path, saved = old
    (tmp_path / "secret").write_bytes(b"password" * 6)

    def make(file, array):
        file.create_dataset(
            KERNEL, array.shape, array.dtype, external=[(str(tmp_path / "secret"), 0, 48)]
        )

    reset(path, KERNEL, make)
    with pytest.raises(ModelError, match=f"/{KERNEL}': expected numbers in the file itself."):
        read_weights(path, saved)


def test_virtual_numbers(tmp_path, old):
    path, saved = old
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.zeros((3, 4), np.float32)

    def make(file, array):
        layout = h5py.VirtualLayout(array.shape, array.dtype)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "data", array.shape)
        file.create_virtual_dataset(KERNEL, layout)

    reset(path, KERNEL, make)
    with pytest.raises(ModelError, match=f"/{KERNEL}': expected numbers in the file itself."):
        read_weights(path, saved)


@pytest.mark.parametrize(
    "layout",
    [
        {"compression": "gzip"},
        {"shuffle": True, "chunks": (3, 4)},
        {"chunks": (1000, 1000), "maxshape": (None, None)},
    ],
)
def test_packed_numbers(old, layout):
    path, saved = old
    reset(path, KERNEL, lambda file, array: file.create_dataset(KERNEL, data=array, **layout))
    with pytest.raises(ModelError, match=f"/{KERNEL}': expected uncompressed numbers"):
        read_weights(path, saved)


def test_numbers_in_chunks(old):
    path, saved = old
    expected = read_weights(path, saved)
    reset(path, KERNEL, lambda file, array: file.create_dataset(KERNEL, data=array, chunks=(2, 2)))
    for array, same in zip(read_weights(path, saved), expected, strict=True):
        np.testing.assert_array_equal(array, same)


def test_numbers_that_are_nowhere(old):
    """A data set can have any shape and no content: HDF5 makes it up when it is read."""
    path, saved = old
    reset(path, KERNEL, lambda file, _: file.create_dataset(KERNEL, (3, 4), np.float32))
    with pytest.raises(ModelError, match=f"/{KERNEL}': expected 48 bytes of its own"):
        read_weights(path, saved)


def test_numbers_that_are_counted_twice(tmp_path):
    """One array under many names would make a small file a large network."""
    layers = [Layer("SimpleRNN", units=90, return_sequences=True) for _ in range(4)]
    path, saved = save_old(tmp_path, "Keras 2", with_weights(layers, SHAPE))
    with h5py.File(path, "r") as old:
        arrays = {name: old[name][()] for name in find_arrays(path)}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(saved.layer_names, dtype="S")
        for name, array in arrays.items():
            twin = name.replace("_3", "_2")
            file[name] = file[twin] if twin != name else array
    assert path.stat().st_size < 4 * saved.network.count_params()
    with pytest.raises(ModelError, match="expected 32,400 bytes of its own"):
        read_weights(path, saved)


def test_groups_in_circles(old):
    path, saved = old
    with h5py.File(path, "r+") as file:
        file["dense_4/dense_4/again"] = file["dense_4"]
    with pytest.raises(ModelError, match="'/dense_4': expected at most 100 arrays and groups"):
        read_weights(path, saved)


def test_too_many_members(old):
    path, saved = old
    with h5py.File(path, "r+") as file:
        for number in range(101):
            file.create_group(f"dense_4/{number}")
    with pytest.raises(ModelError, match="'/dense_4': expected at most 100 arrays and groups"):
        read_weights(path, saved)


def test_long_list_of_names(old):
    path, saved = old
    for names in (np.zeros(301, "S9"), np.zeros(3, "S1025")):
        with h5py.File(path, "r+") as file:
            file.attrs["layer_names"] = names
            file.pop("dense_4", None)
        with pytest.raises(ModelError, match="layer_names: expected at most 300 names of at most"):
            read_weights(path, saved)


@pytest.mark.parametrize("name", ["/", ".", "..", "/dense_4", "dense_4/.", "\udcff", "ü", "a\0b"])
def test_names_that_are_paths(old, name):
    path, saved = old
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = np.array([b"simple_rnn_1", name.encode("utf-8", "replace")])
    other = SavedNetwork(saved.network, 2, ("simple_rnn_1", "b", "c", name))
    with pytest.raises(ModelError):
        read_weights(path, other)


@pytest.mark.parametrize("place", ["old", "new"])
def test_damaged_anywhere(request, place):
    """Overwrites a few bytes at a time: the answer is an error or arrays as large as they should.

    HDF5 has been known to fail on damaged files in ways that no caller can catch, so the bytes
    are the same in each run.
    """
    path, saved = request.getfixturevalue(place)
    content = path.read_bytes()
    rng = np.random.default_rng(3)
    shapes = [weight.shape for weight in saved.network.weights()]
    read = 0
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(len(content), size=rng.integers(1, 20)):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ModelError):
            assert [array.shape for array in read_weights(path, saved)] == shapes
            read += 1
    assert 0 < read < 300


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's list of open files")
def test_no_file_stays_open(old, new):
    def open_files():
        found = []
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(entry.readlink())
        return found

    for path, saved in (old, new):
        read_weights(path, saved)
        name = find_arrays(path)[0]
        replace(path, name, lambda _: np.zeros((9, 9)))
        with pytest.raises(ModelError, match="expected shape"):
            read_weights(path, saved)
        assert path not in open_files()
