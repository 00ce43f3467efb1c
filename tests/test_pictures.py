import pytest

from scripts import pictures
from tests.conftest import ROOT

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_takes_the_pictures_of_the_documentation(browser, tmp_path, monkeypatch):
    pytest.importorskip("fastapi")
    monkeypatch.setattr(pictures, "default_data", lambda: "sample")
    taken = dict(pictures.take(browser, tmp_path))
    assert {f"{name}.png" for name in taken} == {
        path.name for path in (ROOT / "docs" / "images").iterdir()
    }
    assert all(png.startswith(PNG) and len(png) > 10_000 for png in taken.values())
