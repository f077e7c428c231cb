"""The demo with a real server, and that nothing is left of it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from reid_engine.demo import DemoOptions, run_demo
from reid_engine.demo.panel import why_no_picture
from reid_engine.phantom import write_phantom_cohort


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch) -> Path:
    """Give a folder for temporary files of this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.slow
def test_the_whole_way_on_phantoms(tmp_path, temporary):
    told = []
    others = psutil.Process().children(recursive=True)  # servers that other tests share
    options = DemoOptions(out=tmp_path / "out", subjects=44, size=96, queries=3, strangers=1)
    result = run_demo(options, tell=told.append)
    assert "synthetic" in told[0]
    assert {line.modality for line in result.rank1} == {"CFP", "OCT", "CXR"}
    assert all(line.queries == 3 and line.strangers == 1 for line in result.rank1)
    assert sum(line.hits for line in result.rank1) >= 3  # of 9; by chance one in 43 each
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report == result.featured.report
    assert report["schema"] == "reid-risk/1"
    assert result.featured.top_subject == report["matches"][0]["subject_id"]
    assert {row["attribute"] for row in report["leakage"]} >= {"sex"}
    summary = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert summary["schema"] == "reid-demo/1"
    assert summary["synthetic"] is True
    assert summary["enrolled"]["subjects"] == 43
    if why_no_picture() is None:
        picture = np.asarray(Image.open(tmp_path / "out" / "panel.png").convert("L"))
        view = picture[:, -500:]  # the scan from side to side, black above and below it
        assert view[40:60].max() < 30
        assert view[-40:].max() < 30
        assert (view[len(view) // 2] > 30).mean() > 0.5
        assert summary["picture"] == str(tmp_path / "out" / "panel.png")
    assert files_in(temporary) == []
    assert set(psutil.Process().children(recursive=True)) <= set(others)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["hannover_cxr", "ridb_cfp", "octdl_oct"])
def test_the_whole_way_on_real_images(tmp_path, temporary, shared_data, dataset):
    told = []
    options = DemoOptions(out=tmp_path / "out", cohort=shared_data / dataset, limit=40, queries=4, strangers=1)
    result = run_demo(options, tell=told.append)
    assert not any("synthetic" in step for step in told)
    (line,) = result.rank1
    assert line.queries >= 4
    assert line.hits >= 1
    assert result.split.used <= 40
    assert not result.split.enrolled.root.is_relative_to(tmp_path)
    assert files_in(temporary) == []


def test_a_cohort_without_repeats_is_refused(tmp_path, run_cli):
    write_phantom_cohort(tmp_path / "c", subjects=3, sessions=1, size=64)
    done = run_cli("--cohort", tmp_path / "c", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "no subject has two images of one modality" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_file_for_the_folder_is_refused(tmp_path, run_cli):
    (tmp_path / "out").write_text("mine")
    done = run_cli("--out", tmp_path / "out")
    assert done.returncode == 2
    assert "is a file" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


@pytest.fixture
def run_cli(temporary):
    def call(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reid_engine.cli", "demo", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_stopped_half_way_nothing_is_left(tmp_path, temporary, ending):
    write_phantom_cohort(tmp_path / "c", subjects=6, sessions=2, modalities=("CXR",), size=96)
    command = [sys.executable, "-m", "reid_engine.cli", "demo", "--cohort", str(tmp_path / "c")]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        server = _wait_for_server(process)
        os.kill(process.pid, ending)
        _, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err == "reid-engine: stopped\n"
    assert not server.is_running()
    assert files_in(temporary) == []


def _wait_for_server(process: subprocess.Popen) -> psutil.Process:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            if "monailabel.main" in " ".join(child.cmdline()):
                time.sleep(1)
                return child
        time.sleep(0.1)
    raise AssertionError(f"no server was started: {process.communicate()}")
