"""What `score` takes, and says that it takes."""

from sentiment_rnn.baselines import BaselineClassifier


def test_help_names_the_models_that_are_taken(run, tmp_path):
    code, out, _ = run("score", "--help")
    assert code == 0
    assert "folder of a network, or a model that comes with the package" in " ".join(out.split())
    BaselineClassifier("tfidf").fit(["good", "bad"] * 9, [1, 0] * 9).save("counting")
    (tmp_path / "reviews.csv").write_text("text\ngood\n")
    (tmp_path / "old.json").write_text("{}")
    for model in ("counting", "old.json"):
        code, _, err = run("score", "reviews.csv", "--output", "scores", "--model", model)
        assert (code, model in err) == (4, True)
    code, _, err = run("score", "reviews.csv", "--output", "scores", "--model", "textbook")
    assert code == 0, err
