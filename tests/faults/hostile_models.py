"""Model folders as somebody would make them who wants more than to be loaded.

Each case is a function that gets a whole `Folder` and spoils it; its checksums are made anew
afterwards, as whoever spoils a folder would. To add a case, add a function.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentiment_rnn._cache import hash_of_file
from tests.faults import models

CANARY = "canary"


class Folder:
    """A model folder to be spoiled.

    Args:
        path: the folder.
        outside: a folder beside it with files that a model must not reach: a ``secret`` and
            ``weights.h5``, whose arrays would fit. What runs would make a file there.
    """

    def __init__(self, path: Path, outside: Path) -> None:
        self.path, self.outside = path, outside
        self.seals = True

    def change(self, name: str, change: Callable[[Any], object]) -> None:
        """Changes a JSON file."""
        content = json.loads((self.path / name).read_text())
        change(content)
        self.write(name, json.dumps(content))

    def layer(self, number: int, change: Callable[[dict[str, Any]], object]) -> None:
        """Changes a layer of the network: 1 is its SimpleRNN."""
        self.change("model.json", lambda model: change(model["config"]["layers"][number]))

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, content: str | bytes) -> None:
        data = content if isinstance(content, bytes) else content.encode()
        (self.path / name).unlink()
        (self.path / name).write_bytes(data)

    @contextmanager
    def weights(self) -> Iterator[Any]:
        """The HDF5 file, opened to be changed."""
        import h5py

        with h5py.File(self.path / "model.weights.h5", "r+") as file:
            yield file

    def vectors(self, **arrays: Any) -> None:
        """Puts other arrays in the place of the word vectors, pickles too."""
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        self.write("word_vectors.npz", stream.getvalue())

    def seal(self) -> None:
        """Makes the checksums anew, of what can be read."""
        if not self.seals:
            return
        files = sorted(self.path.iterdir())
        sums = {
            file.name: hash_of_file(file)
            for file in files
            if file.is_file() and file.name != "checksums.json" and file.stat().st_size < 1 << 30
        }
        self.write("checksums.json", json.dumps(sums))


Maker = Callable[[Folder], None]
CASES: dict[str, tuple[str, Maker]] = {}
KERNEL = "layers/simple_rnn/cell/vars/0"


def case(maker: Maker) -> Maker:
    """Notes a way to spoil the folder of a sentiment model."""
    CASES[maker.__name__] = "sentiment", maker
    return maker


def character_case(maker: Maker) -> Maker:
    """Notes a way to spoil the folder of a character model."""
    CASES[maker.__name__] = "characters", maker
    return maker


class _Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def _payload(folder: Folder) -> _Payload:
    return _Payload(folder.outside / CANARY)


def _layer(class_name: str, **config: object) -> dict[str, object]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": "layer", **config},
        "registered_name": None,
    }


def _replace(layer: dict[str, Any], other: dict[str, object]) -> None:
    layer.clear()
    layer.update(other)


# What the network says


@case
def lambda_bytecode(folder):
    code = compile(f"import os; os.mkdir({str(folder.outside / CANARY)!r})", "x", "exec")
    function = base64.b64encode(marshal.dumps(code)).decode()
    layer = _layer("Lambda", function=[function, None, None], function_type="lambda")
    folder.layer(2, lambda found: _replace(found, layer))


@case
def lambda_object(folder):
    value = {"class_name": "__lambda__", "config": {"code": "AAAA", "defaults": None}}
    folder.layer(2, lambda found: _replace(found, _layer("Lambda", function=value)))


@case
def module_of_the_system(folder):
    folder.layer(1, lambda found: found.update(module="os", class_name="system"))


@case
def known_class_of_another_module(folder):
    folder.layer(1, lambda found: found.update(module="keras.src.saving.serialization_lib"))


@case
def module_with_dots(folder):
    folder.layer(1, lambda found: found.update(module="keras.layers..os"))


@case
def module_that_is_a_list(folder):
    folder.layer(1, lambda found: found.update(module=["keras.layers"]))


@case
def registered_name(folder):
    folder.layer(1, lambda found: found.update(registered_name="os>system"))


@case
def registered_name_of_this_package(folder):
    folder.layer(1, lambda found: found.update(registered_name="sentiment_rnn>SimpleRNN"))


@case
def own_layer_of_another_module(folder):
    layer = _layer("MaskedPooling1D", mode="mean") | {"module": "os"}
    folder.layer(2, lambda found: _replace(found, layer))


@case
def wrapper_around_a_lambda(folder):
    inner = _layer("Lambda", function="os.system")
    folder.layer(1, lambda found: _replace(found, _layer("Bidirectional", layer=inner)))


@case
def wrapper_around_wrappers(folder):
    inner: dict[str, object] = _layer("SimpleRNN", units=4)
    for _ in range(15):
        inner = _layer("Bidirectional", layer=inner, merge_mode="concat")
    folder.layer(1, lambda found: _replace(found, inner))


@case
def wrapper_for_any_layer(folder):
    inner = _layer("TimeDistributed", layer=_layer("Dense", units=4))
    folder.layer(1, lambda found: _replace(found, inner))


@case
def string_lookup_of_a_file(folder):
    layer = _layer("StringLookup", vocabulary="/etc/passwd")
    folder.layer(1, lambda found: _replace(found, layer))


@case
def text_vectorization_of_a_file(folder):
    layer = _layer("TextVectorization", vocabulary=str(folder.outside / "secret"))
    folder.layer(1, lambda found: _replace(found, layer))


@case
def tfsm_layer(folder):
    layer = _layer("TFSMLayer", filepath=str(folder.outside))
    folder.layer(1, lambda found: _replace(found, layer))


@case
def torch_module_wrapper(folder):
    module = base64.b64encode(pickle.dumps(_payload(folder))).decode()
    layer = _layer("TorchModuleWrapper", module=module)
    folder.layer(1, lambda found: _replace(found, layer))


@case
def activation_that_is_a_function(folder):
    value = {"module": "builtins", "class_name": "function", "config": "eval"}
    folder.layer(1, lambda found: found["config"].update(activation=value))


@case
def activation_with_a_path(folder):
    folder.layer(1, lambda found: found["config"].update(activation="../../os.system"))


@case
def unknown_key(folder):
    folder.layer(1, lambda found: found["config"].update(cell={"class_name": "Lambda"}))


@case
def functional_model(folder):
    folder.change("model.json", lambda model: model.update(class_name="Functional"))


@case
def model_of_another_class(folder):
    folder.change("model.json", lambda model: model.update(class_name="__import__('os')"))


@case
def dtype_of_another_kind(folder):
    value = {"module": "os", "class_name": "system", "config": {"name": "float32"}}
    folder.layer(1, lambda found: found["config"].update(dtype=value))


@case
def repeated_key(folder):
    text = folder.read("model.json").decode()
    folder.write("model.json", text.replace('"units": 4', '"units": 4, "units": 9', 1))


@case
def no_number(folder):
    text = folder.read("model.json").decode()
    folder.write("model.json", text.replace('"units": 4', '"units": NaN', 1))


@case
def infinity(folder):
    folder.write("config.json", folder.read("config.json").decode().replace("7", "Infinity", 1))


@case
def number_beyond_floats(folder):
    folder.write("metrics.json", '{"test": {"accuracy": 1e999}}')


@case
def number_of_many_digits(folder):
    text = folder.read("model.json").decode()
    folder.write("model.json", text.replace('"units": 4', '"units": ' + "9" * 500_000, 1))


@case
def shape_bomb(folder):
    folder.layer(3, lambda found: found["config"].update(units=10**9))


@case
def shape_bomb_of_outputs(folder):
    def change(model):
        model["config"]["layers"][0]["config"]["batch_shape"] = [None, 1_000_000, 3]
        model["config"]["layers"][1]["config"]["units"] = 1_000

    folder.change("model.json", change)


@case
def parameters_without_end(folder):
    def change(model):
        first = model["config"]["layers"][1]
        first["config"]["units"] = 30_000

    folder.change("model.json", change)


@case
def layers_without_end(folder):
    def change(model):
        layers = model["config"]["layers"]
        layers[2:2] = [_layer("Dropout", rate=0.5) for _ in range(5000)]

    folder.change("model.json", change)


@case
def batch_shape_below_zero(folder):
    folder.layer(0, lambda found: found["config"].update(batch_shape=[None, -1, 3]))


@case
def depth_bomb(folder):
    folder.write("model.json", "[" * 500_000)


@case
def depth_bomb_in_the_config(folder):
    folder.write("config.json", '{"format":' * 100_000 + "1" + "}" * 100_000)


@case
def enormous_config(folder):
    folder.change("config.json", lambda config: config.update(provenance={"note": "x" * (2 << 20)}))


@case
def wrong_utf8(folder):
    folder.write("config.json", folder.read("config.json").replace(b"maxlen", b"\xff\xfe\xc0\xaf"))


@case
def utf_16(folder):
    folder.write("model.json", folder.read("model.json").decode().encode("utf-16"))


# What the config says


@case
def keys_that_speak_to_terminals(folder):
    key = "\x1b]0;pwned\x07\n" * 20 + "\u202e"
    folder.change("config.json", lambda config: config["preprocessing"].update({key: 1}))


@case
def value_that_fills_the_screen(folder):
    value = ["\x1b[2J"] * 10_000
    folder.change("config.json", lambda config: config["preprocessing"].update(maxlen=value))


@case
def maxlen_without_end(folder):
    folder.change("config.json", lambda config: config["preprocessing"].update(maxlen=10**30))


@case
def config_that_is_a_list(folder):
    folder.change("config.json", lambda config: config.update(preprocessing=["maxlen", 7]))


@case
def config_of_another_format(folder):
    folder.change("config.json", lambda config: config.update(format="\x1b[2J" * 1000))


@case
def training_that_makes_no_sense(folder):
    folder.change("config.json", lambda config: config.update(training={"engine": "os.system"}))


@case
def classes_without_end(folder):
    folder.change("config.json", lambda config: config.update(classes=list(range(100_000))))


@case
def class_with_half_a_surrogate_pair(folder):
    folder.change("config.json", lambda config: config.update(classes=["a", "\ud800"]))


@case
def class_of_a_million_characters(folder):
    folder.change("config.json", lambda config: config.update(classes=["a", "b" * 900_000]))


@case
def more_classes_than_outputs(folder):
    folder.change("config.json", lambda config: config.update(classes=["a", "b", "c"]))


@case
def metrics_that_are_a_list(folder):
    folder.write("metrics.json", "[1, 2]")


@case
def history_of_words(folder):
    folder.write("history.csv", "epoch,loss\n1,=cmd|' /C calc'!A0\n")


@case
def history_of_one_line_without_end(folder):
    folder.write("history.csv", '"' + "x" * 900_000)


# What the weights say


@case
def external_link(folder):
    import h5py

    with folder.weights() as file:
        del file[KERNEL]
        file[KERNEL] = h5py.ExternalLink(str(folder.outside / "weights.h5"), KERNEL)
    _fill(folder)


@case
def external_link_to_a_group(folder):
    import h5py

    with folder.weights() as file:
        del file["layers"]
        file["layers"] = h5py.ExternalLink(str(folder.outside / "weights.h5"), "layers")
    _fill(folder)


@case
def soft_link(folder):
    import h5py

    with folder.weights() as file:
        file.move(KERNEL, "elsewhere")
        file[KERNEL] = h5py.SoftLink("/elsewhere")


@case
def soft_link_to_itself(folder):
    import h5py

    with folder.weights() as file:
        del file["layers"]
        file["layers"] = h5py.SoftLink("/layers")
    _fill(folder)


@case
def virtual_dataset(folder):
    import h5py

    with folder.weights() as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        layout = h5py.VirtualLayout(shape, "f4")
        layout[:] = h5py.VirtualSource(folder.outside / "weights.h5", KERNEL, shape)
        file.create_virtual_dataset(KERNEL, layout)
    _fill(folder)


@case
def external_dataset(folder):
    with folder.weights() as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, "f4", external=[(folder.outside / "secret", 0, 48)])
    _fill(folder)


@case
def strings_for_numbers(folder):
    import h5py

    with folder.weights() as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, h5py.string_dtype())
    _fill(folder)


@case
def references_for_numbers(folder):
    import h5py

    with folder.weights() as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, h5py.ref_dtype)
    _fill(folder)


@case
def compressed_weights(folder):
    with folder.weights() as file:
        values = file[KERNEL][()]
        del file[KERNEL]
        file.create_dataset(KERNEL, data=values, compression="gzip")
    _fill(folder)


@case
def gzip_bomb_of_weights(folder):
    with folder.weights() as file:
        del file[KERNEL]
        shape = (20_000, 20_000)
        file.create_dataset(KERNEL, shape, "f4", chunks=(1000, 1000), compression="gzip")
    _fill(folder)


@case
def weights_that_claim_a_petabyte(folder):
    with folder.weights() as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, (1 << 25, 1 << 25), "f4", chunks=(1 << 10, 1 << 10))
    _fill(folder)


@case
def weights_that_were_never_written(folder):
    with folder.weights() as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, "f4", chunks=True)
    _fill(folder)


@case
def weights_that_are_no_numbers(folder):
    with folder.weights() as file:
        file[KERNEL][0, 0] = np.nan


@case
def infinite_weights(folder):
    with folder.weights() as file:
        file[KERNEL][0, 0] = -np.inf


@case
def weights_near_infinity(folder):
    with folder.weights() as file:
        file["layers/dense/vars/0"][:] = np.finfo(np.float32).max
        file["layers/dense/vars/1"][:] = -np.finfo(np.float32).max
        file[KERNEL][:] = np.finfo(np.float32).max


@case
def swapped_weights(folder):
    with folder.weights() as file:
        file.move(KERNEL, "kept")
        file.move("layers/simple_rnn/cell/vars/1", KERNEL)
        file.move("kept", "layers/simple_rnn/cell/vars/1")


@case
def whole_numbers(folder):
    with folder.weights() as file:
        shape = file[KERNEL].shape
        del file[KERNEL]
        file[KERNEL] = np.ones(shape, np.int32)


@case
def group_that_contains_itself(folder):
    with folder.weights() as file:
        del file[KERNEL]
        file[KERNEL] = file["layers"]
    _fill(folder)


@case
def weights_of_another_network(folder):
    import h5py

    with h5py.File(folder.path / "model.weights.h5", "w") as file:
        file["layers/lstm/cell/vars/0"] = np.zeros((300, 300), np.float32)


@case
def old_layout_with_names_without_end(folder):
    import h5py

    with h5py.File(folder.path / "model.weights.h5", "w") as file:
        file["x"] = np.zeros(1000, np.float32)
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(50_000)
        space = h5py.h5s.create_simple((1,))
        h5py.h5a.create(file.id, b"layer_names", kind, space)


@case
def weights_that_are_a_pickle(folder):
    folder.write("model.weights.h5", pickle.dumps(_payload(folder)) + bytes(4096))


@case
def half_of_the_weights(folder):
    folder.write("model.weights.h5", folder.read("model.weights.h5")[:-3000])


# What the word vectors say


@case
def vectors_with_objects(folder):
    objects = np.array([_payload(folder)] * 2, object)
    folder.vectors(words=objects, vectors=objects)


@case
def words_with_objects(folder):
    objects = np.array([_payload(folder)], object)
    folder.vectors(words=objects, vectors=np.ones((4, 3), np.float32))


@case
def vectors_that_are_a_pickle(folder):
    folder.write("word_vectors.npz", pickle.dumps(_payload(folder)))


@case
def vectors_that_are_one_array(folder):
    stream = io.BytesIO()
    np.save(stream, np.array([_payload(folder)], object), allow_pickle=True)
    folder.write("word_vectors.npz", stream.getvalue())


@case
def zip_bomb(folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("words.npy", bytes(200 << 20))
    folder.write("word_vectors.npz", stream.getvalue())


@case
def zip_of_very_many_files(folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(40_000):
            archive.writestr(f"{number}", b"")
    folder.write("word_vectors.npz", stream.getvalue())


@case
def zip_that_leads_outside(folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"../{folder.outside.name}/{CANARY}", b"x")
    folder.write("word_vectors.npz", stream.getvalue())


@case
def zip_with_a_password(folder):
    data = bytearray(folder.read("word_vectors.npz"))
    for at, signature in ((6, b"PK\x03\x04"), (8, b"PK\x01\x02")):
        start = data.find(signature)
        data[start + at] |= 1
    folder.write("word_vectors.npz", bytes(data))


@case
def zip_of_a_later_version(folder):
    data = bytearray(folder.read("word_vectors.npz"))
    data[data.find(b"PK\x01\x02") + 6] = 250
    folder.write("word_vectors.npz", bytes(data))


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _npz(folder: Folder, **members: bytes) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    folder.write("word_vectors.npz", stream.getvalue())


@case
def header_that_is_code(folder):
    code = f"__import__('os').mkdir({str(folder.outside / CANARY)!r})"
    _npz(folder, words=_npy(code), vectors=_npy(code))


@case
def header_of_brackets(folder):
    _npz(folder, words=_npy("(" * 9000), vectors=_npy("(" * 9000))


@case
def header_that_claims_a_petabyte(folder):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 256)}"
    _npz(folder, words=_npy(header), vectors=_npy(header))


@case
def header_below_zero(folder):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -2)}"
    _npz(folder, words=_npy(header, b"abcd"), vectors=_npy(header, b"abcd"))


@case
def header_that_ends_early(folder):
    _npz(folder, words=b"\x93NUMPY\x01\x00\xff\xff{", vectors=b"\x93NUM")


@case
def vectors_that_are_no_numbers(folder):
    vectors = np.full((4, 3), np.nan, np.float32)
    folder.vectors(words=np.frombuffer(b"a\nb\nc\nd", np.uint8), vectors=vectors)


@case
def a_word_that_comes_twice(folder):
    vectors = np.ones((4, 3), np.float32)
    folder.vectors(words=np.frombuffer(b"a\nb\na\nd", np.uint8), vectors=vectors)


@case
def very_many_words_without_vectors(folder):
    words = np.full(20 << 20, ord("\n"), np.uint8)
    folder.vectors(words=words, vectors=np.ones((4, 3), np.float32))


@case
def words_that_are_no_text(folder):
    vectors = np.ones((4, 3), np.float32)
    folder.vectors(words=np.frombuffer(b"\xff\n\xfe\nc\nd", np.uint8), vectors=vectors)


# What the file system says


@case
def link_to_the_passwords(folder):
    (folder.path / "model.json").unlink()
    (folder.path / "model.json").symlink_to("/etc/passwd")


@case
def link_to_weights_that_would_fit(folder):
    (folder.path / "model.weights.h5").unlink()
    (folder.path / "model.weights.h5").symlink_to(folder.outside / "weights.h5")


@case
def link_to_a_history(folder):
    (folder.path / "history.csv").unlink()
    (folder.path / "history.csv").symlink_to(folder.outside / "secret")


@case
def link_to_checksums(folder):
    folder.seal()
    (folder.path / "checksums.json").rename(folder.outside / "checksums.json")
    (folder.path / "checksums.json").symlink_to(folder.outside / "checksums.json")
    folder.seals = False


@case
def link_to_nothing(folder):
    (folder.path / "metrics.json").unlink()
    (folder.path / "metrics.json").symlink_to(folder.outside / CANARY)


@case
def link_to_a_folder(folder):
    (folder.path / "word_vectors.npz").unlink()
    (folder.path / "word_vectors.npz").symlink_to(folder.outside)


@case
def pipe(folder):
    (folder.path / "model.json").unlink()
    os.mkfifo(folder.path / "model.json")


@case
def pipe_for_the_history(folder):
    (folder.path / "history.csv").unlink()
    os.mkfifo(folder.path / "history.csv")


@case
def pipe_for_the_checksums(folder):
    (folder.path / "checksums.json").unlink()
    os.mkfifo(folder.path / "checksums.json")
    folder.seals = False


@case
def device(folder):
    (folder.path / "word_vectors.npz").unlink()
    try:
        os.mknod(folder.path / "word_vectors.npz", 0o20666, os.makedev(1, 5))
    except PermissionError:
        # Only root makes devices; a link leads to one too.
        (folder.path / "word_vectors.npz").symlink_to("/dev/zero")


@case
def folder_for_a_file(folder):
    (folder.path / "model.weights.h5").unlink()
    (folder.path / "model.weights.h5").mkdir()


@case
def file_of_a_terabyte(folder):
    os.truncate(folder.path / "model.weights.h5", 1 << 40)


@case
def vectors_of_a_terabyte(folder):
    os.truncate(folder.path / "word_vectors.npz", 1 << 40)


@case
def checksums_of_another_folder(folder):
    folder.seals = False
    models.save("sentiment", folder.outside / "other", seed=5)
    folder.write("checksums.json", (folder.outside / "other" / "checksums.json").read_bytes())


@case
def weights_of_another_folder(folder):
    folder.seals = False
    models.save("sentiment", folder.outside / "other", seed=5)
    folder.write("model.weights.h5", (folder.outside / "other" / "model.weights.h5").read_bytes())


@case
def checksums_that_lead_outside(folder):
    folder.seals = False
    folder.write("checksums.json", json.dumps({"../outside/secret": "0" * 64, "/etc/passwd": "0"}))


@case
def checksums_that_are_a_list(folder):
    folder.seals = False
    folder.write("checksums.json", "[]")


# Character models


@character_case
def alphabet_that_is_a_pickle(folder):
    value = base64.b64encode(pickle.dumps(_payload(folder))).decode()
    folder.change("config.json", lambda config: config.update(alphabet=value))


@character_case
def alphabet_with_half_a_surrogate_pair(folder):
    folder.change("config.json", lambda config: config["alphabet"].update(symbols="\n ab\ud800"))


@character_case
def alphabet_without_end(folder):
    symbols = "".join(map(chr, range(32, 50_000)))
    folder.change("config.json", lambda config: config["alphabet"].update(symbols=symbols))


@character_case
def alphabet_with_a_symbol_twice(folder):
    folder.change("config.json", lambda config: config["alphabet"].update(symbols="\n aab"))


@character_case
def architecture_with_code(folder):
    folder.change("config.json", lambda config: config["architecture"].update({"\x1b[2J": "x"}))


@character_case
def architecture_that_is_a_list(folder):
    folder.change("config.json", lambda config: config.update(architecture=[1]))


@character_case
def samples_without_text(folder):
    folder.change("config.json", lambda config: config.update(samples=[{"epoch": 1}]))


@character_case
def character_lambda(folder):
    folder.layer(1, lambda found: _replace(found, _layer("Lambda", function="os.system")))


@character_case
def character_weights_near_infinity(folder):
    with folder.weights() as file:
        file["layers/dense/vars/0"][:] = np.finfo(np.float32).max
        file["layers/dense/vars/1"][:] = -np.finfo(np.float32).max


@character_case
def character_link(folder):
    (folder.path / "config.json").unlink()
    (folder.path / "config.json").symlink_to(folder.outside / "secret")


def _fill(folder: Folder) -> None:
    """Makes the file as large as its weights should be, so that it isn't refused for its size."""
    with folder.weights() as file:
        file["filler"] = np.zeros(1000, np.float32)
