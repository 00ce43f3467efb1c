"""What can go wrong, by whose hand, and the exit code that the command line gives it.

Every error that a user can cause is one of these, so that a caller can tell them from defects:
its message says what was expected, what came and where, in at most three lines.
"""


class SentimentRNNError(Exception):
    """Base of the errors below; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class UsageError(SentimentRNNError, ValueError):
    """An option, argument or combination of them that makes no sense."""

    exit_code = 2


class DataError(SentimentRNNError, ValueError):
    """Input data (a corpus, a table, a vectors file) that is not what its format promises."""

    exit_code = 3


class ModelError(SentimentRNNError, ValueError):
    """A saved model that is damaged, foreign or not to be trusted."""

    exit_code = 4


class ResourceError(SentimentRNNError, OSError):
    """The disk or the network failed, or a file is missing."""

    exit_code = 5
