"""The rules by which the rooms of the house know of each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sentiment_rnn

PACKAGE = Path(sentiment_rnn.__file__).parent
HEAVY = {"keras", "tensorflow", "gensim", "nltk", "sklearn", "optuna", "tensorboard"}


def imports(path):
    """Every module that a file imports, wherever in the file, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


MODULES = {
    str(path.relative_to(PACKAGE).with_suffix("")).replace("/", "."): imports(path)
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in ("models", "data")
}


def importers(*prefixes):
    """The modules of the package that import any of `prefixes` or what is below them."""
    return {
        module
        for module, names in MODULES.items()
        if any(name == p or name.startswith(p + ".") for name in names for p in prefixes)
    }


def room(name):
    return {module for module in MODULES if module == name or module.startswith(name + ".")}


def test_the_rules_see_the_whole_package():
    assert len(MODULES) > 25
    assert "cli" in MODULES
    assert importers("argparse") == {"cli"} | (room("commands") & importers("argparse.Namespace"))


@pytest.mark.parametrize(
    "name",
    [
        *("datasets", "preprocessing", "numpy_rnn"),
        *("inspection", "explaining", "character_page", "explanation_page", "plotting"),
    ],
)
def test_rooms_that_know_nothing_of_keras(name):
    assert not room(name) & importers("keras", "tensorflow")


@pytest.mark.parametrize("name", ["architectures", "training", "preprocessing", "persistence"])
def test_rooms_that_know_nothing_of_datasets(name):
    assert not room(name) & importers("sentiment_rnn.datasets")


def test_only_the_public_faces_join_rooms():
    """Datasets and networks meet nowhere else; the command line goes through the faces."""
    both = importers("sentiment_rnn.datasets") & importers("sentiment_rnn.architectures")
    assert both <= {"sentiment", "characters"}
    assert "sentiment" not in importers("sentiment_rnn.characters")
    assert "characters" not in importers("sentiment_rnn.sentiment")


def test_data_flows_one_way():
    assert not room("datasets") & importers(
        "sentiment_rnn.preprocessing",
        "sentiment_rnn.architectures",
        "sentiment_rnn.training",
        "sentiment_rnn.persistence",
    )
    assert not room("preprocessing") & importers(
        "sentiment_rnn.architectures", "sentiment_rnn.training", "sentiment_rnn.persistence"
    )
    assert not room("architectures") & importers(
        "sentiment_rnn.training", "sentiment_rnn.persistence"
    )
    assert not room("training") & importers("sentiment_rnn.persistence")
    assert not room("numpy_rnn") & importers(
        "sentiment_rnn.datasets", "sentiment_rnn.training", "sentiment_rnn.persistence"
    )


def test_nothing_imports_the_command_line_the_server_or_the_benchmarks():
    assert importers("sentiment_rnn.cli") <= {"__main__"}
    assert importers("sentiment_rnn.serving") <= {"commands.serving"} | room("serving")
    assert importers("sentiment_rnn.commands") <= {"cli"} | room("commands")
    # One command runs them, where there is a checkout.
    assert importers("benchmarks") == {"commands.tools"}


def test_each_outside_library_has_one_door():
    assert importers("nltk") <= {"preprocessing.tokenizer"}
    assert importers("gensim") == {"preprocessing.word_vectors"}
    assert importers("h5py") <= room("persistence")
    assert importers("scipy") == {"numpy_rnn.embedding", "evaluation", "baselines"}
    assert importers("fastapi", "pydantic", "uvicorn", "prometheus_client") <= room("serving")
    assert importers("onnx", "onnxruntime") == {"persistence.onnx_writer"}
    assert importers("ray") == {"scoring"}
    assert importers("optuna") == {"tuning"}
    assert importers("tensorboard") == {"training.tensorboard"}
    assert importers("filelock") == {"_files"}
    assert importers("threadpoolctl") == {"_threads"}
    assert importers("tensorflow", "jax", "torch") == {"training.keras_gradients"}
    assert importers("pickle") == set()


@pytest.mark.parametrize(
    "code",
    [
        "import sentiment_rnn.cli",
        "import sentiment_rnn; sentiment_rnn.load_imdb",
        "import sentiment_rnn; sentiment_rnn.SentimentClassifier",
        "from sentiment_rnn import CharLanguageModel as C; C.load().sample(9)",
        "import sentiment_rnn.datasets, sentiment_rnn.preprocessing",
        "import sentiment_rnn.architectures, sentiment_rnn.training, sentiment_rnn.persistence",
        "import sentiment_rnn.numpy_rnn",
        "from sentiment_rnn import SentimentClassifier as C; C.load().predict(['A gem.'])",
        "import sentiment_rnn.training.numpy_engine",
        "import sentiment_rnn.scoring",
        "from sentiment_rnn import SentimentClassifier as C; C.load().predict_stream(['A gem.'])",
    ],
)
def test_importing_loads_no_heavy_library(code):
    code += f"; import sys; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_training_with_numpy_loads_no_keras(tmp_path):
    code = (
        "import sys; from sentiment_rnn.cli import main; "
        f"main(['train', '--data', 'sample', '--engine', 'numpy', '--out', {str(tmp_path / 'm')!r}"
        ", '--epochs', '1']); "
        f"main(['chars', 'train', {__file__!r}, '--out', {str(tmp_path / 'c')!r}"
        ", '--units', '4', '--epochs', '1']); "
        "print(sorted({'keras', 'tensorflow', 'gensim', 'nltk'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "m" / "model.json").is_file()
    assert (tmp_path / "c" / "model.json").is_file()
