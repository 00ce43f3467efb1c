"""What a server takes, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentiment_rnn._checks import check_positive, check_whole


@dataclass(frozen=True)
class ServingConfig:
    """The limits of a server, so that no request takes more than its share."""

    most_texts: int = field(default=256, metadata={"help": "texts in a request"})
    most_characters: int = field(default=100_000, metadata={"help": "characters in a text"})
    most_bytes: int = field(default=1_000_000, metadata={"help": "bytes in a request"})
    most_waiting: int = field(
        default=1024, metadata={"help": "texts that wait; with more, requests are sent away"}
    )
    batch_texts: int = field(
        default=256, metadata={"help": "texts of several requests predicted at a time"}
    )
    timeout: float = field(
        default=30.0, metadata={"help": "seconds for a request to come in, and for its answer"}
    )

    def __post_init__(self) -> None:
        for name in ("most_texts", "most_characters", "most_waiting", "batch_texts"):
            check_whole(name, getattr(self, name), 1)
        check_whole("most_bytes", self.most_bytes, 1, 1_000_000_000)
        check_positive("timeout", self.timeout)
        if self.most_texts > self.most_waiting:
            raise ValueError(
                "most_waiting must hold a request of most_texts. Received: most_waiting="
                f"{self.most_waiting}, most_texts={self.most_texts}"
            )
