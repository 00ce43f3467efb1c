"""Where the files lie that come with the package: the models and the sample corpus."""

from pathlib import Path


def shipped(name: str) -> Path:
    """Path of ``models`` or ``data``, in an installed wheel as well as in a clone.

    In the repository both are at the top, beside the package; a wheel carries them inside it.

    Args:
        name: ``"models"`` or ``"data"``.

    Example:
        >>> (shipped("data") / "sample" / "aclImdb" / "train").is_dir()
        True
    """
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def found_model(folder: str | Path | None, default: str = "") -> Path:
    """A folder; or, where there is none of that name, the model that comes with the package.

    Args:
        folder: a path, or the name of such a model; None for the default.
        default: the name of such a model. A folder of that name doesn't take its place: whoever
            names no model doesn't mean what happens to lie there.

    Example:
        >>> found_model("textbook") == shipped("models") / "textbook"
        True
    """
    if folder is None:
        return shipped("models") / default
    path = Path(folder)
    inside = shipped("models") / path.name
    is_name = len(path.parts) == 1 and not path.exists()
    return inside if is_name and (inside / "model.json").is_file() else path
