"""``reid-engine serve``: a real server, and what it refuses to serve."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "other machines"),
        (["--studies", "{tmp}/nowhere"], "studies"),
        (["--encoder", "no-such-net"], "no-such-net"),
    ],
)
def test_what_cannot_be_served_is_refused(run, refused, tmp_path, words, says):
    words = [word.format(tmp=tmp_path) for word in words]
    assert says in refused(run("serve", "--gallery", tmp_path / "g", "--port", "0", *words))


def test_a_folder_of_other_things_is_not_served(run, refused, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "no gallery" in refused(run("serve", "--gallery", tmp_path, "--port", "0"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_stop(tmp_path, ending):
    command = [sys.executable, "-m", "reid_engine.cli", "serve", "--gallery", str(tmp_path / "g")]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            server = json.loads(process.stdout.readline())
            with urllib.request.urlopen(server["url"] + "/info/", timeout=30) as answer:
                assert "reidentification_risk" in json.load(answer)["models"]
            process.send_signal(ending)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "", "")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(server["url"] + "/info/", timeout=5)
