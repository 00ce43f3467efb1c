"""Which arrays a network begins with, held to their names in the list of all weights."""

import re

import pytest

from sentiment_rnn.architectures import LayerSpec, NetworkSpec
from sentiment_rnn.architectures.transfer import places_to_begin_with
from sentiment_rnn.errors import UsageError


def network(*layers, features=3):
    return NetworkSpec((None, None, features), layers)


def recurrent(units=4, name="LSTM", both=False, **options):
    layer = LayerSpec(name, {"units": units, "return_sequences": True, **options})
    return LayerSpec("Bidirectional", {"layer": layer}) if both else layer


def names(spec, places):
    return [
        (one.direction, one.name, one.shape) for one in (spec.weights()[place] for place in places)
    ]


MASKING, DENSE = LayerSpec("Masking"), LayerSpec("Dense", {"units": 1, "activation": "sigmoid"})


def test_each_recurrent_layer_begins_with_that_of_the_same_number():
    begun = network(recurrent(), recurrent(5, "GRU"), DENSE)
    learns = network(
        MASKING, recurrent(), LayerSpec("Dropout", {"rate": 0.5}), recurrent(5, "GRU"), DENSE
    )
    mine, theirs = zip(*places_to_begin_with(begun, learns), strict=True)
    assert mine == theirs == (0, 1, 2, 3, 4, 5)  # All but those of the Dense.
    assert names(learns, mine) == names(begun, theirs)


@pytest.mark.parametrize(
    ("options", "half"),
    [({}, "forward"), ({"go_backwards": True}, "backward")],
)
def test_one_way_takes_the_half_that_reads_as_it_does(options, half):
    begun, learns = network(recurrent(both=True), DENSE), network(recurrent(**options), DENSE)
    mine, theirs = zip(*places_to_begin_with(begun, learns), strict=True)
    assert mine == (0, 1, 2)
    found = names(begun, theirs)
    assert {direction for direction, *_ in found} == {half}
    assert [one[1:] for one in found] == [one[1:] for one in names(learns, mine)]


def test_both_ways_begin_with_both_halves():
    spec = network(recurrent(both=True), DENSE)
    assert places_to_begin_with(spec, spec) == [(place, place) for place in range(6)]


@pytest.mark.parametrize(
    ("layers", "features"),
    [
        ([recurrent(5)], 3),
        ([recurrent(name="GRU")], 3),
        ([recurrent()], 7),
        ([recurrent(), recurrent()], 3),
        ([recurrent(both=True)], 3),
        ([recurrent(go_backwards=True)], 3),
        ([recurrent(use_bias=False)], 3),
    ],
)
def test_other_layers_are_refused(layers, features):
    begun = network(recurrent(), DENSE)
    message = "other recurrent layers than the settings ask for. Expected: "
    with pytest.raises(UsageError, match=re.escape(message)) as refused:
        places_to_begin_with(begun, network(*layers, DENSE, features=features))
    assert str(refused.value).endswith("Received: LSTM forward kernel (3, 16)")
