"""``reid-engine serve``: a real server, and what it refuses to serve."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "other machines"),
        (["--studies", "{tmp}/nowhere"], "studies"),
        (["--encoder", "no-such-net"], "no-such-net"),
        (["--token-file", "{tmp}/nowhere"], "token cannot be read"),
        (["--token-file", "{tmp}/short"], "holds no token"),
    ],
)
def test_what_cannot_be_served_is_refused(run, refused, tmp_path, words, says):
    (tmp_path / "short").write_text("secret")
    words = [word.format(tmp=tmp_path) for word in words]
    assert says in refused(run("serve", "--gallery", tmp_path / "g", "--port", "0", *words))


def test_a_folder_of_other_things_is_not_served(run, refused, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "no gallery" in refused(run("serve", "--gallery", tmp_path, "--port", "0"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_stop(tmp_path, ending):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o640)
    command = [sys.executable, "-m", "reid_engine.cli", "serve", "--gallery", str(tmp_path / "g"), "--images"]
    command += ["--token-file", str(tmp_path / "token")]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            server = json.loads(process.stdout.readline())
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(server["url"] + "/info/", timeout=30)
            asked = urllib.request.Request(server["url"] + "/info/", headers={"Authorization": f"Bearer {TOKEN}"})
            with urllib.request.urlopen(asked, timeout=30) as answer:
                info = json.load(answer)
            assert "reidentification_risk" in info["models"]
            assert info["server"] == {
                "images": True, "studies": False, "sign_in": "token", "gallery_state": "no gallery",
            }  # fmt: skip
            process.send_signal(ending)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "")
    assert err.count("\n") == 1
    assert "chmod 600" in err
    assert TOKEN not in err
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(server["url"] + "/info/", timeout=5)
