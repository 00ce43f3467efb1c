"""`SentimentClassifier` inside scikit-learn, and scikit-learn's own checks of estimators.

Of an estimator that takes texts, scikit-learn runs only the checks that need no data. The others
make tables of numbers; those that say something about a classifier of texts are run here all the
same, on `OfNumbers`, which writes each row of a table as a text. Left out are:

- what a table alone can be: sparse, complex, of infinities, of another number of columns, of one
  row or column, of a type or an order in memory;
- sample weights, which `fit` doesn't take, and several labels a text;
- `check_methods_sample_order_invariance`, which asks for more digits than single precision has;
- `check_classifiers_regression_target`: whole numbers of any meaning are classes;
- `check_fit_score_takes_y`, `check_n_features_in` and their like: the argument is called texts.
"""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sentiment_rnn import SentimentClassifier, WordVectors
from sentiment_rnn.errors import DataError, UsageError

# A word for each column and each half of a standard deviation from -10 to 10.
WORDS = [f"c{column}n{step}" for column in range(10) for step in range(41)]
# Those of one column differ by how far apart the numbers are.
VECTORS = WordVectors(
    WORDS,
    np.array(
        [
            np.concatenate([np.eye(10)[column] * (step - 20) / 4, np.eye(10)[column]])
            for column in range(10)
            for step in range(41)
        ]
    ),
)


class OfNumbers(SentimentClassifier):
    """Reads a table, a row a text."""

    def fit(self, X, y, **options):  # type: ignore[override]  # noqa: N803
        table, labels = validate_data(self, X, y)
        check_classification_targets(labels)
        return super().fit(texts_of(table), labels, **options)

    def predict_proba(self, X):  # noqa: N803
        check_is_fitted(self)
        return super().predict_proba(texts_of(validate_data(self, X, reset=False)))

    def transform(self, X):  # noqa: N803
        check_is_fitted(self)
        return super().transform(texts_of(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        tags.input_tags.string = False
        return tags


def texts_of(table):
    steps = np.clip(np.round(2 * table) + 20, 0, 40).astype(int)
    return [" ".join(f"c{column}n{step}" for column, step in enumerate(row)) for row in steps]


def of_numbers(**options):
    settings: dict[str, Any] = {
        "maxlen": 10,
        "units": 8,
        "epochs": 30,
        "optimizer": "adam",
        "batch_size": 16,
    }
    settings |= {"learning_rate": 0.02, "patience": 30, "dropout": 0, "engine": "numpy"}
    return OfNumbers(vectors=VECTORS, **settings, **options)


@pytest.mark.parametrize(
    "name",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
        "check_mixin_order",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
    ],
)
def test_checks_of_scikit_learn_that_need_no_data(name):
    getattr(estimator_checks, name)("SentimentClassifier", SentimentClassifier())


@pytest.mark.filterwarnings("ignore")  # of what scikit-learn itself does with warnings
@pytest.mark.parametrize(
    "name",
    [
        "check_classifiers_classes",
        "check_classifiers_one_label",
        "check_classifiers_train",
        "check_dict_unchanged",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_dont_overwrite_parameters",
        "check_estimators_fit_returns_self",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_estimators_unfitted",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_methods_subset_invariance",
        "check_supervised_y_2d",
        "check_supervised_y_no_nan",
    ],
)
def test_checks_of_scikit_learn_on_tables_read_as_texts(name):
    getattr(estimator_checks, name)("OfNumbers", of_numbers())


# With texts

KINDS = {"flower": "rose tulip daisy", "metal": "iron copper tin", "sea": "wave tide shore"}


@pytest.fixture(scope="module")
def three_kinds():
    """Texts of three kinds, and what kind each is of."""
    random = np.random.default_rng(0)
    labels = [list(KINDS)[number % 3] for number in range(60)]
    return [" ".join(random.choice(KINDS[kind].split(), 4)) for kind in labels], labels


def small(**options):
    settings: dict[str, Any] = {
        "units": 6,
        "maxlen": 5,
        "epochs": 4,
        "learning_rate": 0.01,
        "batch_size": 8,
    }
    return SentimentClassifier(engine="numpy", **settings, **options)


def test_clone_and_parameters():
    classifier = SentimentClassifier("bidirectional", seed=3, units=7)
    copy = clone(classifier)
    assert copy is not classifier
    assert copy.get_params() == classifier.get_params()
    assert repr(copy) == "SentimentClassifier(preset='bidirectional', seed=3, units=7)"
    assert is_classifier(copy)


class Quick(SentimentClassifier):
    """A subclass with an argument of its own."""

    def __init__(self, *, tempo: int = 1, epochs: int | None = None) -> None:
        super().__init__(engine="numpy", epochs=epochs)
        self.tempo = tempo


def test_a_subclass_has_its_own_parameters():
    copied = clone(Quick(tempo=3, epochs=2))
    assert isinstance(copied, Quick)
    assert copied.get_params() == {"tempo": 3, "epochs": 2}
    assert repr(copied) == "Quick(tempo=3, epochs=2)"
    with pytest.raises(UsageError, match="Quick has no parameter 'units'"):
        copied.set_params(units=3)


def test_scores_with_weights(three_kinds):
    texts, labels = three_kinds
    classifier = small().fit(texts, labels)
    right = classifier.predict(texts) == labels
    weights = np.random.default_rng(0).random(len(texts))
    expected = weights[right].sum() / weights.sum()
    assert classifier.score(texts, labels, sample_weight=weights) == pytest.approx(expected)
    with pytest.raises(DataError, match="The model knows the classes .*'sea'.* Received: 0"):
        classifier.score(texts, [0] * len(texts))


def test_not_trained_is_scikit_learns_error_too():
    with pytest.raises(NotFittedError, match="not trained yet: call fit or load first"):
        small().predict(["iron"])
    with pytest.raises(NotFittedError):
        check_is_fitted(small())


def test_in_a_pipeline_whose_settings_are_searched(three_kinds):
    texts, labels = three_kinds
    pipeline = make_pipeline(FunctionTransformer(), small())
    search = GridSearchCV(
        pipeline, {"sentimentclassifier__learning_rate": [1e-9, 0.01]}, cv=2, error_score="raise"
    )
    search.fit(texts, labels)
    assert search.best_params_ == {"sentimentclassifier__learning_rate": 0.01}
    assert search.predict(["tulip daisy", "tide", "copper iron"]).tolist() == [
        "flower",
        "sea",
        "metal",
    ]
    assert search.classes_.tolist() == ["flower", "metal", "sea"]


@pytest.mark.parametrize(
    "values", [{"units": np.array([2, 4])}, {"trainable_vectors": np.array([False, True])}]
)
def test_settings_are_searched_among_those_of_an_array(three_kinds, values, tmp_path):
    search = GridSearchCV(small(), {**values, "seed": np.arange(2)}, cv=2, error_score="raise")
    found = search.fit(*three_kinds).best_estimator_
    found.save(tmp_path / "model")
    assert SentimentClassifier.load(tmp_path / "model").seed == found.seed


@pytest.mark.parametrize("shape", [(3, 1), (1,), (2, 3)])
def test_labels_of_another_shape_have_no_score(three_kinds, shape):
    classifier = small().fit(*three_kinds)
    labels = np.resize(three_kinds[1], shape)
    for score in (classifier.score, classifier.evaluate):
        with pytest.raises(DataError, match="Expected one label for each of 3 texts. Received"):
            score(three_kinds[0][:3], labels)


def test_scores_of_folds(three_kinds):
    scores = cross_val_score(small(), *three_kinds, cv=3)
    assert len(scores) == 3
    assert scores.mean() > 0.6


def test_calibrated_by_scikit_learn(three_kinds):
    texts, labels = three_kinds
    calibrated = CalibratedClassifierCV(small(), cv=2).fit(texts, labels)
    assert calibrated.score(texts, labels) > 0.8
    np.testing.assert_allclose(calibrated.predict_proba(texts).sum(axis=1), 1)


def test_a_pickled_copy_predicts_the_same(three_kinds):
    texts, labels = three_kinds
    classifier = small().fit(texts, labels)
    expected = classifier.predict_proba(texts)
    copy = pickle.loads(pickle.dumps(classifier))  # noqa: S301
    np.testing.assert_array_equal(copy.predict_proba(texts), expected)
