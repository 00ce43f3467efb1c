"""Whatever one asks the server, it gives an answer that its own description names."""

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytest.importorskip("fastapi")

from hypothesis import HealthCheck, settings  # noqa: E402

from sentiment_rnn import SentimentClassifier  # noqa: E402
from sentiment_rnn.serving.app import make_app  # noqa: E402

pytestmark = pytest.mark.slow

app = make_app({"textbook": SentimentClassifier.load("textbook")})
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_request(case):
    response = case.call()
    assert response.status_code < 500
    # 405 for other methods, and 404 for other places, are the framework's own.
    case.validate_response(response)
