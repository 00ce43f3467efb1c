"""What the tests of commands share."""

import pytest

from sentiment_rnn.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command in an empty folder; returns exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments):
        code: object
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command
