"""The JSON of each Keras version → the same network description; anything else → a clear error."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment_rnn.architectures.builder import build_network
from sentiment_rnn.architectures.layers import LayerSpec, NetworkSpec
from sentiment_rnn.errors import ModelError
from sentiment_rnn.persistence.keras_json import parse_network, read_network
from tests.persistence.old_keras import Layer, keras_1_json, keras_2_json, write

TEXTBOOK = [
    Layer("SimpleRNN", units=50, return_sequences=True, number=1),
    Layer("Dropout", rate=0.2, number=2),
    Layer("Flatten", number=3),
    Layer("Dense", units=1, activation="sigmoid", number=4),
]
GATED = [
    Layer("Masking", number=1),
    Layer("LSTM", units=4, gate="sigmoid", return_sequences=True, dropout=0.1, number=2),
    Layer("GRU", units=5, merge_mode="sum", recurrent_dropout=0.3, number=3),
    Layer("Dense", units=6, activation="softmax", number=4),
]


def keras_3_json(network: NetworkSpec) -> dict:
    return json.loads(build_network(network).to_json())


def textbook_3() -> dict:
    return keras_3_json(
        NetworkSpec(
            (None, 400, 300),
            (
                LayerSpec("SimpleRNN", {"units": 50, "return_sequences": True}),
                LayerSpec("Dropout", {"rate": 0.2}),
                LayerSpec("Flatten", {}),
                LayerSpec("Dense", {"units": 1, "activation": "sigmoid"}),
            ),
        )
    )


SHAPE = (None, 400, 300)
DOCUMENTS = {
    "Keras 1": lambda: keras_1_json(TEXTBOOK, SHAPE),
    "Keras 2": lambda: keras_2_json(TEXTBOOK, SHAPE),
    "tf.keras": lambda: keras_2_json(TEXTBOOK, SHAPE, tensorflow=True),
    "Keras 3": textbook_3,
}


@pytest.fixture(params=DOCUMENTS)
def document(request):
    return DOCUMENTS[request.param]()


def layer_entry(document: dict, index: int) -> dict:
    """The entry of the index-th layer that is no InputLayer."""
    config = document["config"]
    entries = config if isinstance(config, list) else config["layers"]
    return [entry for entry in entries if entry["class_name"] != "InputLayer"][index]


def settings(document: dict, index: int) -> dict:
    return layer_entry(document, index)["config"]


# --- what is read ---------------------------------------------------------------------------------


def test_the_textbook_network_is_the_same_in_every_format(document, tmp_path):
    saved = read_network(write(tmp_path / "model.json", document))
    assert saved.network.batch_shape == (None, 400, 300)
    assert saved.network.count_params() == 37_551
    assert saved.network.output_shape == (None, 1)
    assert [(layer.class_name, layer.config) for layer in saved.network.layers] == [
        (
            "SimpleRNN",
            LayerSpec("SimpleRNN", {"units": 50, "return_sequences": True}).config,
        ),
        ("Dropout", {"rate": 0.2}),
        ("Flatten", {}),
        ("Dense", {"units": 1, "activation": "sigmoid", "use_bias": True}),
    ]


def test_versions_and_names():
    read = {name: parse_network(make()) for name, make in DOCUMENTS.items()}
    assert {name: saved.keras_version for name, saved in read.items()} == {
        "Keras 1": 1,
        "Keras 2": 2,
        "tf.keras": 2,
        "Keras 3": 3,
    }
    assert read["Keras 1"].layer_names == ("simplernn_1", "dropout_2", "flatten_3", "dense_4")
    assert read["tf.keras"].layer_names == ("simple_rnn_1", "dropout_2", "flatten_3", "dense_4")
    assert [saved.has_old_hard_sigmoid for saved in read.values()] == [True, True, True, False]


@pytest.mark.parametrize("make", [keras_1_json, keras_2_json])
def test_gated_and_bidirectional_layers(make):
    masking, lstm, both, dense = parse_network(make(GATED, (None, 7, 3))).network.layers
    assert masking == LayerSpec("Masking", {})
    assert lstm == LayerSpec("LSTM", {"units": 4, "return_sequences": True, "dropout": 0.1})
    assert both["merge_mode"] == "sum"
    gru = {
        "units": 5,
        "recurrent_activation": "hard_sigmoid",
        "reset_after": False,
        "recurrent_dropout": 0.3,
    }
    assert both.cell == LayerSpec("GRU", gru)
    assert dense["activation"] == "softmax"


def test_reset_after():
    layers = [Layer("GRU", units=4, reset_after=True, number=1)]
    document = keras_2_json(layers, (None, 7, 3))
    assert parse_network(document).network.layers[0]["reset_after"] is True
    del settings(document, 0)["reset_after"]  # Keras 2.0 has no such key
    assert parse_network(document).network.layers[0]["reset_after"] is False


def test_a_list_of_layers():
    """Keras 2 wrote it up to 2.2.2, as Keras 1 did."""
    document = keras_2_json(TEXTBOOK, SHAPE)
    document["config"] = document["config"]["layers"]
    assert parse_network(document).network.count_params() == 37_551


@pytest.mark.parametrize("name", ["Keras 1", "Keras 2", "Keras 3"])
def test_version_known_from_the_keys(name):
    document = DOCUMENTS[name]()
    document.pop("keras_version", None)
    assert parse_network(document).keras_version == int(name[-1])


def test_version_that_nothing_tells():
    document = DOCUMENTS["Keras 2"]()
    del document["keras_version"], settings(document, 0)["batch_input_shape"]
    with pytest.raises(ModelError, match=r"expected a keras_version\. Received none"):
        parse_network(document)


@pytest.mark.parametrize("version", ["0.3.2", "4.0.0", "x", "", 2, []])
def test_other_version(document, version):
    with pytest.raises(ModelError, match=r"expected (Keras 1, 2 or 3|a string)"):
        parse_network(document | {"keras_version": version})


def test_input_shape_of_keras_1_by_its_sizes():
    document = DOCUMENTS["Keras 1"]()
    del settings(document, 0)["batch_input_shape"]
    settings(document, 0).update(input_dim=300, input_length=400)
    assert parse_network(document).network.batch_shape == (None, 400, 300)


def test_input_shape_of_the_whole_model():
    document = textbook_3()
    del document["config"]["layers"][0]
    assert document["config"]["build_input_shape"] == [None, 400, 300]
    assert parse_network(document).network.batch_shape == (None, 400, 300)


def test_stateful():
    layers = [Layer("LSTM", units=4, stateful=True, number=1)]
    for make in keras_1_json, keras_2_json:
        assert parse_network(make(layers, (2, 7, 3))).network.is_stateful
        with pytest.raises(ModelError, match="expected a fixed batch size"):
            parse_network(make(layers, (None, 7, 3)))


def test_every_layer_of_keras_3_comes_back():
    recurrent = {
        "units": 4,
        "return_sequences": True,
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "activation": "relu",
        "use_bias": False,
    }
    zeros = {"zero_output_for_mask": True}
    network = NetworkSpec(
        (2, 7, 3),
        (
            LayerSpec("SimpleRNN", {**recurrent, "go_backwards": True, **zeros}),
            LayerSpec("LSTM", {**recurrent, "recurrent_activation": "hard_sigmoid"}),
            LayerSpec("GRU", {**recurrent, "reset_after": False, "stateful": True}),
            LayerSpec(
                "Bidirectional",
                {
                    "layer": LayerSpec("LSTM", recurrent | zeros),
                    "merge_mode": "mul",
                },
            ),
            LayerSpec("Dropout", {"rate": 0.5}),
            LayerSpec("Dense", {"units": 6, "activation": "tanh", "use_bias": False}),
            LayerSpec("GlobalMaxPooling1D", {}),
            LayerSpec("Flatten", {}),
            LayerSpec("Dense", {"units": 2, "activation": "softmax"}),
        ),
    )
    saved = parse_network(keras_3_json(network))
    assert saved.network == network
    assert saved.layer_names[:4] == ("simplernn_0", "lstm_1", "gru_2", "bidirectional_3")
    masked = NetworkSpec(
        (None, None, 3),
        (LayerSpec("Masking", {"mask_value": -1.0}), LayerSpec("GlobalAveragePooling1D")),
    )
    read = parse_network(keras_3_json(masked)).network
    assert read.batch_shape == (None, None, 3)
    assert [layer.config for layer in read.layers] == [{"mask_value": -1.0}, {}]


def feedback_3() -> dict:
    return keras_3_json(NetworkSpec((3, None, 5), FEEDBACK_LAYERS))


FEEDBACK_LAYERS = (
    LayerSpec("HiddenFeedbackRNN", {"units": 4, "stateful": True, "return_sequences": True}),
    LayerSpec("Dense", {"units": 6, "activation": "relu"}),
    LayerSpec("OutputFeedbackRNN", {"units": 2, "output_size": 6, "use_bias": False}),
)
POOLED_LAYERS = (
    LayerSpec("Masking"),
    LayerSpec("GRU", {"units": 2, "return_sequences": True}),
    LayerSpec("MaskedPooling1D", {"mode": "mean_max"}),
)


def pooled_3() -> dict:
    return keras_3_json(NetworkSpec((None, None, 5), POOLED_LAYERS))


def test_pooling_comes_back_and_takes_known_modes_alone():
    assert parse_network(pooled_3()).network.layers == POOLED_LAYERS
    for mode in ("min", None, ["mean"]):
        document = pooled_3()
        settings(document, 2)["mode"] = mode
        with pytest.raises(ModelError, match="mode: expected one of mean, max, mean_max"):
            parse_network(document)
    document = pooled_3()
    del settings(document, 2)["mode"]
    with pytest.raises(ModelError, match=r"mode: expected a value\. It is missing"):
        parse_network(document)
    document = pooled_3()
    layer_entry(document, 2)["module"] = "keras.layers"
    with pytest.raises(ModelError, match="expected sentiment_rnn>MaskedPooling1D of sentiment_rnn"):
        parse_network(document)


def test_the_layers_of_this_package_come_back():
    assert parse_network(feedback_3()).network.layers == FEEDBACK_LAYERS


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("module", "os"),
        ("module", None),
        ("registered_name", "posix>HiddenFeedbackRNN"),
        ("registered_name", None),
    ],
)
def test_layers_of_others_under_the_name_of_this_package_s(index, key, value):
    document = feedback_3()
    layer_entry(document, index)[key] = value
    with pytest.raises(ModelError, match=r"expected sentiment_rnn>\w+ of sentiment_rnn.arch"):
        parse_network(document)


def test_a_bidirectional_takes_no_hidden_feedback():
    document = keras_3_json(
        NetworkSpec(
            (None, 7, 5), (LayerSpec("Bidirectional", {"layer": LayerSpec("GRU", {"units": 4})}),)
        )
    )
    settings(document, 0)["layer"] = layer_entry(feedback_3(), 0)
    with pytest.raises(ModelError, match="expected one of SimpleRNN, LSTM, GRU in a Bidirectional"):
        parse_network(document)


@pytest.mark.parametrize("make", [keras_1_json, keras_2_json])
def test_an_activation_goes_into_the_dense_layer_before_it(make):
    layers = [
        Layer("LSTM", units=4, number=1),
        Layer("Dense", units=5, activation="linear", number=2),
        Layer("Activation", activation="softmax", number=3),
        Layer("Activation", activation="linear", number=4),
    ]
    _lstm, dense = parse_network(make(layers, (None, 7, 3))).network.layers
    assert dense == LayerSpec("Dense", {"units": 5, "activation": "softmax"})
    layers.insert(2, Layer("Dropout", rate=0.1, number=5))
    with pytest.raises(ModelError, match=r"layer 4 \(Activation\): expected an Activation only"):
        parse_network(make(layers, (None, 7, 3)))


def test_a_name_that_keras_3_does_not_take_is_kept_for_the_weights_alone():
    document = DOCUMENTS["tf.keras"]()
    settings(document, 0)["name"] = "my rnn/1"
    saved = parse_network(document)
    assert saved.layer_names[0] == "my rnn/1"


def test_initializers_are_not_looked_at(document):
    for index in (0, 3):
        for key in settings(document, index):
            if "init" in key or "regularizer" in key or "constraint" in key:
                settings(document, index)[key] = {"class_name": "Lambda", "config": "os.system"}
    assert parse_network(document).network.count_params() == 37_551


# --- what is refused ------------------------------------------------------------------------------


def test_missing_file_names_itself(tmp_path):
    with pytest.raises(ModelError, match=r"model\.json is missing"):
        read_network(tmp_path / "model.json")


@pytest.mark.parametrize("class_name", ["Model", "Functional", "Lambda", None, ["Sequential"]])
def test_other_models(document, class_name):
    document["class_name"] = class_name
    with pytest.raises(ModelError, match=r"^here: (expected a Sequential|class_name: expected)"):
        parse_network(document, "here")


@pytest.mark.parametrize("class_name", ["Lambda", "TFOpLambda", "Embedding", "Sequential", "RNN"])
def test_other_layers(document, class_name):
    layer_entry(document, 1)["class_name"] = class_name
    with pytest.raises(
        ModelError, match=rf"layer [23]: expected one of Activation, .*Received: '{class_name}'"
    ):
        parse_network(document)


def test_unknown_key_of_a_layer(document):
    settings(document, 3)["function"] = "payload"
    with pytest.raises(ModelError, match=r"\(Dense\): expected no key 'function'"):
        parse_network(document)


def test_key_of_another_format():
    document = DOCUMENTS["Keras 1"]()
    settings(document, 0)["units"] = 3
    with pytest.raises(ModelError, match=r"layer 1 \(SimpleRNN\): expected no key 'units'"):
        parse_network(document)


def test_unknown_key_elsewhere(document):
    with pytest.raises(ModelError, match="expected no key 'custom_objects'"):
        parse_network(document | {"custom_objects": {}})
    layer_entry(document, 0)["inbound_nodes"] = []
    with pytest.raises(ModelError, match=r"\(SimpleRNN\): expected no key 'inbound_nodes'"):
        parse_network(document)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("module", "os", "Received module 'os'"),
        ("module", "keras.src.legacy", "Received module 'keras.src.legacy'"),
        ("module", ["keras"], "Received module an array"),
        ("registered_name", "Evil>Dense", "the custom class 'Evil>Dense'"),
        ("registered_name", "Lambda", "the custom class 'Lambda'"),
    ],
)
def test_classes_of_others(key, value, message):
    document = textbook_3()
    layer_entry(document, 3)[key] = value
    with pytest.raises(ModelError, match=rf"layer 5 \(Dense\): .*{message}"):
        parse_network(document)
    with pytest.raises(ModelError, match=message):
        parse_network(textbook_3() | {key: value})


@pytest.mark.parametrize(
    ("index", "key", "value"),
    [
        (0, "return_state", True),
        (0, "time_major", True),
        (2, "data_format", "channels_first"),
        (1, "noise_shape", [None, 1, 3]),
        (0, "dtype", "float16"),
        (0, "dtype", {"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}),
        (0, "dtype", {"class_name": "QuantizedDTypePolicy", "config": {"name": "float32"}}),
        (3, "quantization_config", {"class_name": "Int8QuantizationConfig"}),
        (3, "lora_rank", 4),
    ],
)
@pytest.mark.parametrize("name", ["tf.keras", "Keras 3"])
def test_value_that_changes_the_result(name, index, key, value):
    document = DOCUMENTS[name]()
    settings(document, index)[key] = value
    with pytest.raises(ModelError, match=rf"layer .*, {key}: expected .*\. Received: "):
        parse_network(document)


@pytest.mark.parametrize(
    "dtype",
    [
        None,
        "float32",
        {"class_name": "Policy", "config": {"name": "float32"}},
        {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": "float32"},
            "registered_name": None,
            "shared_object_id": 140,
        },
    ],
)
def test_ways_to_say_float32(document, dtype):
    settings(document, 0)["dtype"] = dtype
    assert parse_network(document).network.count_params() == 37_551


@pytest.mark.parametrize(
    ("index", "key", "value", "message"),
    [
        (0, "units", 0, "expected a whole number from 1 to 1,000,000. Received: 0"),
        (0, "units", 10**12, "Received: 1000000000000"),
        (0, "units", True, "Received: True"),
        (0, "units", "50", "Received: '50'"),
        (0, "activation", "swish", "expected one of linear, .*Received: 'swish'"),
        (0, "activation", {"class_name": "function", "config": "os.system"}, "Received: an object"),
        (0, "go_backwards", 1, "expected true or false. Received: 1"),
        (0, "dropout", 1.0, "at least 0 and below 1. Received: 1.0"),
        (1, "rate", -0.1, "at least 0 and below 1. Received: -0.1"),
        (0, "name", "a\nb", r"expected a name. Received: 'a\\nb'"),
        (0, "name", "a" * 201, "at most 200 characters. Received: 201"),
        (0, "name", None, "expected a string. Received: None"),
    ],
)
@pytest.mark.parametrize("name", ["tf.keras", "Keras 3"])
def test_values_out_of_range(name, index, key, value, message):
    document = DOCUMENTS[name]()
    settings(document, index)[key] = value
    with pytest.raises(ModelError, match=rf"layer .*, {key}: .*{message}"):
        parse_network(document)


@pytest.mark.parametrize(("index", "key"), [(0, "units"), (1, "rate"), (3, "units")])
def test_missing_setting(index, key):
    document = DOCUMENTS["Keras 2"]()
    del settings(document, index)[key]
    with pytest.raises(ModelError, match=rf"{key}: expected a value\. It is missing"):
        parse_network(document)


def test_missing_gate_activation_of_keras_2():
    document = keras_2_json([Layer("LSTM", units=4, number=1)], (None, 7, 3))
    del settings(document, 0)["recurrent_activation"]
    with pytest.raises(ModelError, match="recurrent_activation: expected a value"):
        parse_network(document)


@pytest.mark.parametrize("shape", [[None, 400], [None, 4, 3, 2], "x", [None, 400, None], [0, 4, 3]])
def test_input_shapes_of_something_else(shape):
    document = DOCUMENTS["Keras 2"]()
    settings(document, 0)["batch_input_shape"] = shape
    with pytest.raises(ModelError, match="input shape: expected"):
        parse_network(document)


def test_no_input_shape():
    document = DOCUMENTS["Keras 2"]()
    del settings(document, 0)["batch_input_shape"]
    with pytest.raises(ModelError, match=r"input shape: expected \[batch, time, .*Received none"):
        parse_network(document)


def test_sparse_input_and_second_input():
    document = DOCUMENTS["tf.keras"]()
    entry = document["config"]["layers"][0]
    entry["config"]["sparse"] = True
    with pytest.raises(ModelError, match=r"layer 1 \(InputLayer\), sparse: expected false"):
        parse_network(document)
    entry["config"]["sparse"] = False
    document["config"]["layers"].append(entry)
    with pytest.raises(ModelError, match="expected an input only as the first layer"):
        parse_network(document)


def test_layers_that_do_not_fit_together():
    document = DOCUMENTS["Keras 2"]()
    settings(document, 0)["return_sequences"] = False
    document["config"]["layers"].insert(1, copy.deepcopy(layer_entry(document, 0)))
    settings(document, 1)["name"] = "other"
    del settings(document, 1)["batch_input_shape"]
    with pytest.raises(ModelError, match=r"^here: SimpleRNN expects an input of \(batch, time"):
        parse_network(document, "here")


def test_same_name_twice(document):
    settings(document, 1)["name"] = settings(document, 0)["name"]
    with pytest.raises(ModelError, match="expected each layer to have a name of its own"):
        parse_network(document)


def test_no_layers(document):
    config = document["config"]
    (config if isinstance(config, list) else config["layers"]).clear()
    with pytest.raises(
        ModelError, match=r"expected a keras_version|needs at least one layer|input"
    ):
        parse_network(document)


def test_huge_networks():
    document = keras_2_json([Layer("LSTM", units=1_000_000, number=1)], (None, 7, 3))
    with pytest.raises(ModelError, match=r"at most 500,000,000 parameters\. .*4,000,016,000,000"):
        parse_network(document)
    document = keras_2_json([Layer("Masking", number=1)], (None, 1_000_000, 1_000_000))
    with pytest.raises(ModelError, match=r"at most 100,000,000 outputs\. .*1,000,000,000,000"):
        parse_network(document)
    many = [Layer("Dropout", rate=0.1, number=number) for number in range(101)]
    with pytest.raises(ModelError, match=r"at most 100 layers\. Received: 101"):
        parse_network(keras_2_json(many, (None, 7, 3)))
    with pytest.raises(ModelError, match=r"layers: expected at most 200 items\. Received: 202"):
        parse_network(keras_1_json(many * 2, (None, 7, 3)))


def test_bidirectional_of_something_else():
    document = keras_2_json([Layer("GRU", units=4, merge_mode="concat", number=1)], (None, 7, 3))
    for class_name in "Dense", "Bidirectional":
        settings(document, 0)["layer"]["class_name"] = class_name
        with pytest.raises(ModelError, match=r"layer.*: expected one of SimpleRNN, LSTM, GRU"):
            parse_network(document)
    settings(document, 0)["layer"] = None
    with pytest.raises(ModelError, match=r"\(Bidirectional\), layer: expected an object"):
        parse_network(document)


def test_merge_mode_none_and_first_direction_backwards():
    document = keras_2_json([Layer("GRU", units=4, merge_mode="concat", number=1)], (None, 7, 3))
    settings(document, 0)["merge_mode"] = None
    with pytest.raises(ModelError, match="merge_mode: expected one of concat, sum, mul, ave"):
        parse_network(document)
    settings(document, 0)["merge_mode"] = "ave"
    settings(document, 0)["layer"]["config"]["go_backwards"] = True
    with pytest.raises(ModelError, match="expected go_backwards to be false"):
        parse_network(document)


@pytest.mark.parametrize(("key", "value"), [("units", 5), ("activation", "relu")])
def test_directions_that_differ(key, value):
    layer = LayerSpec("Bidirectional", {"layer": LayerSpec("LSTM", {"units": 4})})
    document = keras_3_json(NetworkSpec((None, 7, 3), (layer,)))
    assert parse_network(document).network.output_shape == (None, 8)
    settings(document, 0)["backward_layer"]["config"][key] = value
    with pytest.raises(ModelError, match="backward_layer: expected the same settings"):
        parse_network(document)


def test_hard_sigmoid_on_the_state_of_an_old_lstm():
    layer = Layer("LSTM", units=4, activation="hard_sigmoid", number=1)
    for make in keras_1_json, keras_2_json:
        with pytest.raises(ModelError, match="expected another one than hard_sigmoid"):
            parse_network(make([layer], (None, 7, 3)))
    network = NetworkSpec(
        (None, 7, 3), (LayerSpec("LSTM", {"units": 4, "activation": "hard_sigmoid"}),)
    )
    assert parse_network(keras_3_json(network)).network == network


def test_masked_outputs_that_keras_3_computes_differently():
    masking, dense = Layer("Masking", number=1), Layer("Dense", units=1, number=9)
    both = Layer("LSTM", units=4, return_sequences=True, merge_mode="sum", number=2)
    one = Layer("GRU", units=5, number=3)
    mean, largest = (Layer(f"Global{kind}Pooling1D", number=3) for kind in ("Average", "Max"))
    for layers in ([both, dense], [both, dense, largest], [both]):
        for document in (
            keras_1_json([masking, *layers], (None, 7, 3)),
            keras_2_json([masking, *layers], (None, 7, 3), version="2.3.1"),
        ):
            with pytest.raises(ModelError, match="no Masking with a Bidirectional that returns"):
                parse_network(document)
        parse_network(keras_1_json(layers, (None, 7, 3)))
        for version in "2.2.4-tf", "2.4.0", "2.15.0":
            document = keras_2_json(
                [masking, *layers], (None, 7, 3), tensorflow=True, version=version
            )
            parse_network(document)
    for after in one, mean:
        parse_network(keras_2_json([masking, both, after, dense], (None, 7, 3)))
    stateful = Layer("GRU", units=5, stateful=True, number=3)
    with pytest.raises(ModelError, match="no Masking with a stateful layer"):
        parse_network(keras_2_json([masking, stateful], (2, 7, 3)))
    parse_network(keras_2_json([masking, stateful], (2, 7, 3), version="2.3.0"))


# --- anything at all ------------------------------------------------------------------------------

WORDS = sorted(
    {"Sequential", "InputLayer", "Bidirectional", "LSTM", "Dense", "Activation", "linear"}
    | {"class_name", "config", "layers", "layer", "name", "units", "output_dim", "keras_version"}
    | {"batch_input_shape", "batch_shape", "1.2.2", "2.2.4", "3.0.0", "module", "keras"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_gives_a_network_or_a_model_error(document):
    try:
        parse_network(document, "here")
    except ModelError as error:
        check_message(error)


@given(st.sampled_from(["Keras 1", "Keras 2", "tf.keras"]), st.data())
def test_any_change_of_a_network_gives_a_network_or_a_model_error(name, data):
    document = copy.deepcopy(DOCUMENTS[name]())
    place: object = document
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inside = place[key]
        if not isinstance(inside, (dict, list)) or data.draw(st.integers(0, 3)) == 0:
            place[key] = data.draw(JSON)
            break
        place = inside
    try:
        parse_network(document, "here")
    except ModelError as error:
        check_message(error)


def check_message(error: ModelError) -> None:
    assert str(error).startswith("here")
    assert "\n" not in str(error)
    assert len(str(error)) < 500
