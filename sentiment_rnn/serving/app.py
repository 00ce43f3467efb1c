"""The answers of a server: predictions and explanations as JSON, and a page for people."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from pydantic import BaseModel, ConfigDict, Field

from sentiment_rnn._pages import make_page, whole
from sentiment_rnn.explanation_page import page_text
from sentiment_rnn.sentiment import SentimentClassifier
from sentiment_rnn.serving.batching import Batcher, BusyError
from sentiment_rnn.serving.config import ServingConfig
from sentiment_rnn.serving.limits import Counted, LimitedBody

# When to try again if there is no room: some batches later.
_RETRY_SECONDS = 1
_TITLE = "What does it feel like?"

Model = Annotated[str | None, Field(description="name of the model; the first if there is none")]


class PredictRequest(BaseModel):
    """One text or several, and which model to ask."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["texts"]}]},
    )

    text: Annotated[str, Field(description="one text; or else:")] = ""
    texts: Annotated[
        list[str],
        Field(description="several", default_factory=list, json_schema_extra={"minItems": 1}),
    ]
    model: Model = None


class Verdict(BaseModel):
    """What the model says of a text."""

    label: str
    probability: Annotated[
        float, Field(description="of the second class; of more than two, of the likeliest")
    ]
    probabilities: Annotated[list[float], Field(description="of each class")]
    truncated: Annotated[bool, Field(description="whether the text is longer than it reads")]


class PredictResponse(BaseModel):
    """A verdict on each text, in the order in which they came."""

    model: str
    class_names: Annotated[list[str], Field(description="in the order of their probabilities")]
    predictions: list[Verdict]


class ExplainRequest(BaseModel):
    """A text, and how to find out what its tokens add."""

    model_config = ConfigDict(extra="forbid")

    text: str
    method: Literal["gradient", "occlusion"] = "gradient"
    model: Model = None


class ExplainedToken(BaseModel):
    """A token, where it is, what the verdict was after it, and what it adds in the end."""

    token: str
    start: Annotated[int, Field(description="its first character, in code points from 0")]
    end: int
    probability: Annotated[float, Field(description="of the text up to and with it")]
    contribution: Annotated[
        float | None, Field(description="to the log odds of the class; null if not read")
    ]


class Neuron(BaseModel):
    """A neuron whose output follows the verdict, and its output at each token."""

    number: int
    correlation: float
    outputs: list[float]


class ExplainResponse(Verdict):
    """A verdict, and how it came about."""

    model: str
    class_names: Annotated[list[str], Field(description="in the order of the probabilities")]
    classes: Annotated[
        list[str],
        Field(description="what speaks against the explained class is for, and the class"),
    ]
    text: str
    before: Annotated[float, Field(description="the class's probability before the first token")]
    tokens: list[ExplainedToken]
    neurons: list[Neuron]


class Refusal(BaseModel):
    """Why there is no answer."""

    detail: str


class ModelInfo(BaseModel):
    """What a model is, and where it comes from."""

    name: str
    class_names: list[str]
    parameters: int
    maxlen: Annotated[int, Field(description="tokens that it reads; 0 for all")]
    provenance: dict[str, Any]
    metrics: dict[str, Any]


class _Metrics:
    """What `/metrics` tells, apart from what other servers in the process tell."""

    def __init__(self, paths: Callable[[], set[str]], waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._paths = paths
        self._requests = Counter(
            "sentiment_requests_total",
            "Requests by path and status.",
            ["path", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sentiment_request_seconds",
            "Seconds from a request to the end of its answer, by path.",
            ["path"],
            registry=self.registry,
        )
        self.batches = Histogram(
            "sentiment_batch_texts",
            "Texts that were predicted together.",
            buckets=[2**power for power in range(11)],
            registry=self.registry,
        )
        Gauge(
            "sentiment_waiting_texts", "Texts not answered yet.", registry=self.registry
        ).set_function(waiting)

    def count(self, path: str, status: int, seconds: float) -> None:
        # Whatever strangers ask for, there are no more names than this.
        path = path if path in self._paths() else "other"
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)


def _whole_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a model card says, whose names of files may be no text."""
    values: dict[str, Any] = json.loads(whole(json.dumps(data, ensure_ascii=False)))
    return values


_REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Refusal, "description": description}
    for code, description in (
        (404, "there is no such model"),
        (413, "more bytes than a request may have"),
        (422, "something else than what is described here, or more of it than is answered"),
        (503, "there is no room for it now"),
    )
}


_EXAMPLE = '{"text": "A joy."}'
_REQUESTS: dict[str, type[BaseModel]] = {"/predict": PredictRequest, "/explain": ExplainRequest}


def _what_is_wrong(request: Request, error: RequestValidationError) -> str:
    """A sentence on the first thing in a request that is not as described."""
    first = error.errors()[0]
    kind, message = first["type"], first["msg"]
    if kind == "json_invalid":
        _, before = first["loc"]
        why = first["ctx"]["error"]
        return f"The body is no valid JSON, from character {before + 1:,} on: {why}."
    _, *place = first["loc"]
    fields = ", ".join(_REQUESTS[request.scope["route"].path].model_fields)
    if not place and kind == "missing":
        return f"There is no body. Expected a JSON object such as {_EXAMPLE}"
    if not place and isinstance(error.body, bytes):
        # FastAPI has left it as it came.
        given = request.headers.get("content-type", "")[:80] or "none"
        return f"Expected the header Content-Type: application/json. Received: {given}"
    if not place and isinstance(error.body, dict):
        return f"The name of a field holds half a surrogate pair. Expected: {fields}"
    if not place:
        return f"The body is no JSON object. Expected one such as {_EXAMPLE}"
    name = whole("".join(f"[{part}]" if isinstance(part, int) else part for part in place)[:80])
    if kind == "extra_forbidden":
        return f"There is no field {name!r}. Expected: {fields}"
    if kind == "missing":
        return f"The field {name!r} is missing."
    return f"{name!r} {message.removeprefix('Input ')}."


def make_app(
    models: Mapping[str, SentimentClassifier], config: ServingConfig | None = None
) -> FastAPI:
    """Makes an ASGI application that answers for some models.

    Args:
        models: trained classifiers by name, at least one; the first is asked where none is named.
        config: limits; `ServingConfig`'s own if None.

    Returns:
        The application: ``POST /predict`` and ``/explain``, ``GET /``, ``/health``, ``/model``,
        ``/metrics`` and ``/openapi.json``.

    Raises:
        ValueError: if there is no model.

    Example:
        >>> app = make_app({"textbook": SentimentClassifier.load("textbook")})
        >>> sorted(path for path in app.openapi()["paths"])
        ['/explain', '/health', '/metrics', '/model', '/predict']
    """
    if not models:
        raise ValueError("Expected at least one model to serve. Received: none")
    # A folder's name may be no text, which JSON could not hold.
    models = {whole(name): classifier for name, classifier in models.items()}
    limits = config or ServingConfig()
    metrics = _Metrics(
        lambda: {"/", *app.openapi()["paths"]},
        lambda: sum(batcher.waiting for batcher in batchers.values()),
    )
    batchers = {
        name: Batcher(
            classifier,
            batch_texts=limits.batch_texts,
            most_waiting=limits.most_waiting,
            observe=metrics.batches.observe,
        )
        for name, classifier in models.items()
    }

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(batcher.run()) for batcher in batchers.values()]
            yield
            for task in tasks:
                task.cancel()

    # FastAPI's pages of documentation load scripts from elsewhere; /openapi.json says it all.
    app = FastAPI(title="sentiment_rnn", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(LimitedBody, most_bytes=limits.most_bytes, seconds=limits.timeout)
    app.add_middleware(Counted, count=metrics.count)

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own answer holds what came, which may be long, and no valid text.
        return JSONResponse({"detail": _what_is_wrong(request, error)}, 422)

    @app.exception_handler(400)
    async def not_read(_: Request, __: Exception) -> JSONResponse:
        # What FastAPI can't read has another answer there than text that is no JSON.
        detail = "The body can't be read. Expected JSON in UTF-8, not nested deeply."
        return JSONResponse({"detail": detail}, 422)

    def class_names(classifier: SentimentClassifier) -> list[str]:
        return [whole(one) for one in classifier.class_names]

    def chosen(name: str | None) -> str:
        if name is None:
            return next(iter(models))
        if name not in models:
            raise HTTPException(
                404, f"There is no model {whole(name)[:80]!r}. Expected: {', '.join(models)}"
            )
        return name

    def check(texts: list[str]) -> None:
        if not 1 <= len(texts) <= limits.most_texts:
            raise HTTPException(
                422, f"Expected 1 to {limits.most_texts:,} texts. Received: {len(texts):,}"
            )
        longest = max(map(len, texts))
        if longest > limits.most_characters:
            raise HTTPException(
                422,
                f"Expected texts of at most {limits.most_characters:,} characters. Received: "
                f"{longest:,}",
            )

    @asynccontextmanager
    async def in_time() -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limits.timeout):
                yield
        except (BusyError, TimeoutError):
            raise HTTPException(
                503,
                "The server is busy. Try again a little later.",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            ) from None

    @app.post("/predict", responses=_REFUSALS)
    async def predict(request: PredictRequest) -> PredictResponse:
        """Says of each text which class it is of."""
        if len(request.model_fields_set & {"text", "texts"}) != 1:
            raise HTTPException(422, "Expected a text or texts, one of the two.")
        texts = request.texts if "texts" in request.model_fields_set else [request.text]
        check(texts)
        name = chosen(request.model)
        async with in_time():
            found = await batchers[name].predictions(texts)
        verdicts = [
            Verdict(
                label=whole(one.label),
                probability=round(one.probability, 6),
                probabilities=[round(each, 6) for each in one.probabilities],
                truncated=one.truncated,
            )
            for one in found
        ]
        return PredictResponse(
            model=name, class_names=class_names(models[name]), predictions=verdicts
        )

    @app.post("/explain", responses=_REFUSALS)
    async def explain(request: ExplainRequest) -> ExplainResponse:
        """Says which class a text is of, and what each of its tokens has to do with it."""
        check([request.text])
        name = chosen(request.model)
        async with in_time():
            found = await batchers[name].explanation(request.text, request.method)
        return ExplainResponse.model_validate({"model": name, **page_text(found)})

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Says that the server is there."""
        return {"status": "ok"}

    @app.get("/model")
    async def model() -> list[ModelInfo]:
        """What the models are."""
        return [
            ModelInfo(
                name=name,
                class_names=class_names(classifier),
                parameters=classifier.count_params(),
                maxlen=classifier.preprocessor.config.maxlen,
                provenance=_whole_values(classifier.provenance_),
                metrics=classifier.metrics_,
            )
            for name, classifier in models.items()
        ]

    @app.get("/metrics", response_class=Response)
    async def numbers() -> Response:
        """Counts and times, as Prometheus reads them."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    page = make_page("serving.html", _TITLE, {"models": list(models)})

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def home() -> HTMLResponse:
        guarded = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
        return HTMLResponse(page, headers={**guarded, "Referrer-Policy": "no-referrer"})

    return app
