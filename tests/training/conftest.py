"""What the tests of training share."""

import pytest


@pytest.fixture(autouse=True)
def short_loops(monkeypatch):
    """Fewer time steps in a turn of the loops of Keras's backend.

    To trace many takes longer than a small network learns; `test_embedded` runs them as they are.
    """
    loops = pytest.importorskip("sentiment_rnn.architectures.loops")
    monkeypatch.setattr(loops, "STEPS", 4)
