import pytest

from sentiment_rnn.cli import main
from sentiment_rnn.commands import imports


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("foo", "Expected KERAS_BACKEND to be one of tensorflow, torch, jax. Received: foo"),
        ("jax", "KERAS_BACKEND is jax, which is not installed."),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("train", "--engine", "keras", "--out", "model"),
        ("pretrain", "--engine", "keras", "--data", "sample", "--out", "model"),
        ("chars", "train", "text.txt", "--engine", "keras", "--out", "model"),
        ("summary",),
    ],
)
def test_a_backend_that_keras_has_not(tmp_path, monkeypatch, capsys, command, backend, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("abc" * 500)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(imports, "find_spec", lambda name: None)
    assert main(command) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"sentiment-rnn: {message}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
