"""The application, asked without a network between."""

import asyncio
import json
import threading

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sentiment_rnn import SentimentClassifier
from sentiment_rnn.serving.app import make_app
from sentiment_rnn.serving.config import ServingConfig
from tests.pages import Elements

TEXTS = ["A joy.", "Dull, dull.", "", "Schön – 好い film 😀", "a film " * 1000]


@pytest.fixture(scope="module")
def models():
    return {name: SentimentClassifier.load(name) for name in ("textbook", "distilled")}


def using(models, use, config=None):
    """Runs a coroutine function with a client of an application that is at work."""

    async def main():
        app = make_app(models, config)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return await use(client)

    return asyncio.run(main())


def ask(models, method, path, config=None, **options):
    return using(models, lambda client: client.request(method, path, **options), config)


def test_predictions_are_those_of_the_library(models):
    for name, classifier in models.items():
        answer = ask(models, "POST", "/predict", json={"texts": TEXTS, "model": name})
        assert answer.status_code == 200
        found = answer.json()
        assert list(found) == ["model", "class_names", "predictions"]
        assert (found["model"], found["class_names"]) == (name, ["negative", "positive"])
        for one, expected in zip(found["predictions"], classifier.predictions(TEXTS), strict=True):
            assert list(one) == ["label", "probability", "probabilities", "truncated"]
            assert (one["label"], one["truncated"]) == (expected.label, expected.truncated)
            assert one["probability"] == pytest.approx(expected.probability, abs=2e-6)


def test_of_more_classes_an_answer_says_which_they_are():
    words = {"rage": "angry mad", "joy": "glad happy", "fear": "scared afraid"}
    labels = list(words) * 20
    classifier = SentimentClassifier(engine="numpy", units=3, maxlen=5, epochs=1)
    classifier.fit([words[label] for label in labels], labels)
    texts = ["glad", "angry", "afraid"]
    found = ask({"moods": classifier}, "POST", "/predict", json={"texts": texts}).json()
    assert found["class_names"] == ["fear", "joy", "rage"]
    for one, expected in zip(found["predictions"], classifier.predict_proba(texts), strict=True):
        assert one["probabilities"] == pytest.approx(expected, abs=2e-6)
        assert one["label"] == found["class_names"][expected.argmax()]


def test_one_text_and_no_model(models):
    found = ask(models, "POST", "/predict", json={"text": TEXTS[0]}).json()
    assert found["model"] == "textbook"
    (one,) = found["predictions"]
    (expected,) = models["textbook"].predictions(TEXTS[:1])
    assert one["label"] == expected.label


def test_many_at_a_time_get_their_own_answers(models):
    texts = [f"{word} film, {other} end." for word in TEXTS[:4] for other in ("good", "bad", "no")]

    async def use(client):
        asked = [client.post("/predict", json={"text": text}) for text in texts * 4]
        return [answer.json()["predictions"][0] for answer in await asyncio.gather(*asked)]

    found = using(models, use)
    for one, expected in zip(found, models["textbook"].predictions(texts * 4), strict=True):
        assert one["probability"] == pytest.approx(expected.probability, abs=2e-6)


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_explanations_are_those_of_the_library(models, method):
    text = 'A dull start,<br />a "wonderful" end 😀, xyzzyq.'
    options = {"text": text, "method": method, "model": "distilled"}
    found = ask(models, "POST", "/explain", json=options).json()
    (expected,) = models["distilled"].explanations([text], method=method)
    assert (found["text"], found["label"]) == (text, expected.label)
    assert (found["model"], found["classes"]) == ("distilled", ["negative", "positive"])
    for token, other in zip(found["tokens"], expected.tokens, strict=True):
        assert token == pytest.approx(other._asdict(), abs=2e-6)
    assert len(found["neurons"]) == 5


def test_the_models_and_their_health(models):
    assert ask(models, "GET", "/health").json() == {"status": "ok"}
    first, second = ask(models, "GET", "/model").json()
    assert (first["name"], first["parameters"], first["maxlen"]) == ("textbook", 37_551, 400)
    assert second["provenance"]["seed"] == 0
    assert second["metrics"]["test"]["accuracy"] > 0.9


def test_names_of_files_that_are_no_text_are_shown_as_well_as_can_be():
    classifier = SentimentClassifier.load("textbook")
    classifier.provenance_["vectors"] = "caf\udce9.npz"
    classifier.provenance_["continued"] = {"from": ["caf\udce9"]}
    (found,) = ask({"caf\udce9": classifier}, "GET", "/model").json()
    assert found["name"] == "caf\ufffd"
    assert found["provenance"]["vectors"] == "caf\ufffd.npz"
    assert found["provenance"]["continued"] == {"from": ["caf\ufffd"]}
    assert found["provenance"]["seed"] == 0


def test_the_description_of_it_all(models):
    described = ask(models, "GET", "/openapi.json").json()
    for path in ("/predict", "/explain"):
        answers = described["paths"][path]["post"]["responses"]
        for code in ("404", "413", "422", "503"):
            schema = answers[code]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Refusal"}
    assert set(described["paths"]) == {"/predict", "/explain", "/health", "/model", "/metrics"}
    for path, name in (("/docs", "pages"), ("/redoc", "that load scripts from elsewhere")):
        assert ask(models, "GET", path).status_code == 404, name


def test_metrics(models):
    async def use(client):
        await client.post("/predict", json={"texts": ["a", "b", "c"]})
        await client.post("/predict", json={})
        for number in range(5):
            await client.get(f"/nothing/{number}")
        return await client.get("/metrics")

    answer = using(models, use)
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["sentiment_requests_total", "/predict", "200"] == 1
    assert found["sentiment_requests_total", "/predict", "422"] == 1
    # Not a name for each path that a stranger makes up.
    assert found["sentiment_requests_total", "404", "other"] == 5
    assert found["sentiment_request_seconds_count", "/predict"] == 2
    assert (found["sentiment_batch_texts_sum",], found["sentiment_waiting_texts",]) == (3, 0)


SMALL = ServingConfig(most_texts=2, most_characters=20, most_bytes=300, timeout=5)


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/predict", {}, 422, "Expected a text or texts, one of the two."),
        ("/predict", {"text": "a", "texts": ["a"]}, 422, "one of the two"),
        ("/predict", {"texts": []}, 422, "Expected 1 to 2 texts. Received: 0"),
        ("/predict", {"texts": ["a"] * 3}, 422, "Expected 1 to 2 texts. Received: 3"),
        ("/predict", {"text": "a" * 21}, 422, "texts of at most 20 characters. Received: 21"),
        ("/explain", {"text": "a" * 21}, 422, "texts of at most 20 characters. Received: 21"),
        ("/predict", {"text": "a", "model": "x"}, 404, "no model 'x'. Expected: textbook, dist"),
        ("/predict", {"text": "a", "texts": None}, 422, "'texts' should be a valid list."),
        ("/predict", {"text": 5}, 422, "'text' should be a valid string."),
        ("/predict", {"texts": ["a", None]}, 422, "'texts[1]' should be a valid string."),
        ("/predict", {"txt": "a"}, 422, "There is no field 'txt'. Expected: text, texts, model"),
        ("/explain", {"text": "a", "x" * 200: 1}, 422, f"There is no field '{'x' * 80}'. Expected"),
        ("/explain", {"text": "a", "method": "x"}, 422, "'method' should be 'gradient' or 'occlu"),
        ("/explain", {}, 422, "The field 'text' is missing."),
        ("/predict", [], 422, 'is no JSON object. Expected one such as {"text": "A joy."}'),
        ("/predict", None, 422, 'is no JSON object. Expected one such as {"text": "A joy."}'),
        (
            "/predict",
            {"text": "a", "\ud800": 1},
            422,
            "name of a field holds half a surrogate pair",
        ),
    ],
)
def test_requests_that_make_no_sense(models, path, body, status, detail):
    content, kind = json.dumps(body), {"Content-Type": "application/json"}
    answer = ask(models, "POST", path, SMALL, content=content, headers=kind)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert detail in answer.json()["detail"]


_NO_BODY = 'There is no body. Expected a JSON object such as {"text": "A joy."}'
_NO_JSON = "The body is no valid JSON, from character "
_UNREADABLE = "The body can't be read. Expected JSON in UTF-8, not nested deeply."
_HEADER = "Expected the header Content-Type: application/json. Received: "


@pytest.mark.parametrize(
    ("content", "kind", "status", "detail"),
    [
        (b"", "application/json", 422, _NO_BODY),
        (b"", None, 422, _NO_BODY),
        (b"{", "application/json", 422, f"{_NO_JSON}2 on: Expecting property name enclosed in "),
        (b'{"text": a}', "application/json", 422, f"{_NO_JSON}10 on: Expecting value."),
        (b"\xff\xfe", "application/json", 422, f"{_NO_JSON}1 on: Expecting value."),
        (b"\x80\x10", "application/json", 422, _UNREADABLE),
        (b'{"text": "a"}', None, 422, f"{_HEADER}none"),
        (b'{"text": "a"}', "text/plain", 422, f"{_HEADER}text/plain"),
        (b"[" * 250, "application/json", 422, f"{_NO_JSON}251 on: Expecting value."),
        (b'{"text": NaN}', "application/json", 422, "'text' should be a valid string."),
        (b'{"text": "' + b"a" * 300 + b'"}', "application/json", 413, "at most 300 bytes"),
    ],
)
def test_bodies_that_are_no_request(models, content, kind, status, detail):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = ask(models, "POST", "/predict", SMALL, content=content, headers=headers)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_deep_bodies_are_refused(models):
    content = b'{"text":' + b"[" * 200_000
    headers = {"Content-Type": "application/json"}
    answer = ask(models, "POST", "/predict", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (422, {"detail": _UNREADABLE})


@pytest.mark.parametrize("text", ["\ud83d", "\0\x1b[2J\u202e", "</script>", "x" * 100_000])
def test_text_of_any_kind_is_answered(models, text):
    content, kind = json.dumps({"text": text}), {"Content-Type": "application/json"}
    for path in ("/predict", "/explain"):
        answer = ask(models, "POST", path, content=content, headers=kind)
        assert answer.status_code == 200
        assert answer.json()


class Stuck:
    """A classifier that takes its time."""

    class_names = ("negative", "positive")

    def __init__(self):
        self.go = threading.Event()

    def predictions(self, texts):
        self.go.wait(10)
        return SentimentClassifier.load("textbook").predictions(texts)


def test_with_no_room_a_request_is_told_when_to_come_again():
    stuck = Stuck()

    async def use(client):
        first = asyncio.create_task(client.post("/predict", json={"texts": ["a"] * 2}))
        second = asyncio.create_task(client.post("/predict", json={"texts": ["a"] * 2}))
        await asyncio.sleep(0.1)
        refused = await client.post("/predict", json={"text": "a"})
        stuck.go.set()
        return [
            refused,
            await first,
            await second,
            await client.post("/predict", json={"text": "a"}),
        ]

    config = ServingConfig(most_texts=2, most_waiting=4)
    refused, *others = using({"stuck": stuck}, use, config)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json() == {"detail": "The server is busy. Try again a little later."}
    assert [answer.status_code for answer in others] == [200] * 3


def test_who_waits_too_long_is_told_so():
    stuck = Stuck()

    async def use(client):
        answer = await client.post("/predict", json={"text": "a"})
        stuck.go.set()
        return answer

    answer = using({"stuck": stuck}, use, ServingConfig(timeout=0.2))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_no_model():
    with pytest.raises(ValueError, match="Expected at least one model to serve. Received: none"):
        make_app({})


def test_the_page_asks_nobody_else(models):
    answer = ask(models, "GET", "/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-frame-options"] == "DENY"
    for tag, attributes in Elements(answer.text).tags:
        assert tag not in ("link", "img", "iframe", "base", "object")
        assert not {"src", "href", "style", "onclick", "onload"} & set(attributes)
    assert "://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'; connect-src 'self'" in answer.text
