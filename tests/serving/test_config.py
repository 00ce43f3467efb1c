import pytest

from sentiment_rnn.serving.config import ServingConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most_texts": 0}, "most_texts must be a whole number from 1"),
        ({"most_bytes": 1.5}, "most_bytes must be a whole number"),
        ({"timeout": 0}, "timeout must be above 0 and below 1,000,000. Received: 0"),
        ({"most_texts": 9, "most_waiting": 8}, "most_waiting must hold a request of most_texts"),
    ],
)
def test_the_config_checks_itself(options, message):
    with pytest.raises(ValueError, match=message):
        ServingConfig(**options)
