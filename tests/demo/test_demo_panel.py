"""Running the panel's client and harness as processes."""

import sys

import pytest

from reid_engine.demo import panel
from reid_engine.demo.panel import PanelClient, find_client, take_picture
from reid_engine.errors import ServeError


def test_the_panels_own_client_is_used():
    assert find_client().parts[-3:] == ("ReidentificationRisk", "ReidentificationRiskLib", "client.py")


def test_where_nobody_listens_the_client_says_so(tmp_path):
    scan = tmp_path / "scan.png"
    scan.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    with pytest.raises(ServeError, match=r"client failed: No server answers at http://127\.0\.0\.1:9"):
        PanelClient("http://127.0.0.1:9", find_client()).check(scan, {})


@pytest.mark.parametrize("ending", ["print('no json')", "import sys; sys.exit('broken')", ""])
def test_a_client_that_breaks_is_an_error_in_one_sentence(tmp_path, ending):
    script = tmp_path / "client.py"
    script.write_text(ending)
    with pytest.raises(ServeError, match=r"the panel's client failed: (broken|status \d)"):
        PanelClient("http://127.0.0.1:9", script).check(tmp_path, {})


def test_without_the_panel_there_is_no_demo(monkeypatch, tmp_path):
    monkeypatch.setattr(panel, "_CHECKOUT", tmp_path)
    with pytest.raises(ServeError, match="checkout"):
        find_client()


def test_no_picture_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(panel, "_CHECKOUT", tmp_path)
    picture = take_picture("http://127.0.0.1:9", tmp_path / "scan.png", "CXR", tmp_path / "panel.png")
    assert picture.path is None
    assert "checkout" in picture.reason


@pytest.mark.parametrize(
    ("code", "says"), [("import sys; sys.exit('picture: no answer')", "no answer"), ("", "status 0")]
)
def test_a_harness_that_fails_says_why(monkeypatch, tmp_path, code, says):
    script = tmp_path / "tests" / "slicer_harness" / "picture.py"
    script.parent.mkdir(parents=True)
    script.write_text(code)
    monkeypatch.setattr(panel, "_CHECKOUT", tmp_path)
    monkeypatch.setattr(panel.importlib.util, "find_spec", lambda name: sys)
    picture = take_picture("http://127.0.0.1:9", tmp_path / "scan.png", None, tmp_path / "panel.png")
    assert picture.path is None
    assert says in picture.reason
