"""Starting and stopping the server."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psutil
import pytest
import requests
from samples import picture, pixels

from reid_engine import serve as module
from reid_engine.child_process import take_port
from reid_engine.errors import ServeError
from reid_engine.private_folder import private_folder
from reid_engine.serve import build_command, build_environment, find_app, serve, start

RUN = """
import sys
from pathlib import Path
from reid_engine.serve import serve
sys.exit(serve(Path(sys.argv[1]), port=int(sys.argv[2])))
"""


HALF_AN_UPLOAD = (
    b"POST /infer/reidentification_risk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
    b"Content-Type: multipart/form-data; boundary=XX\r\n\r\n"
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + b"x" * 4_000_000
)


@pytest.fixture
def gallery(_phantom_gallery):
    """Give the phantoms' gallery, to be read only."""
    return _phantom_gallery


def free_port():
    return take_port("127.0.0.1", 0)


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def ends(pid, seconds=20.0):
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def test_the_command_and_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_LABEL_CORS_ORIGINS", '["*"]')
    command = build_command(tmp_path, tmp_path / "g", tmp_path / "s", port=81, encoder="e", options={"workers": "1"})
    assert command[0] == sys.executable
    assert command[3:5] == ["monailabel.main", "start_server"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[-9:] == ["--conf", "gallery", str(tmp_path / "g"), "--conf", "encoder", "e",
                            "--conf", "workers", "1"]  # fmt: skip
    environment = build_environment(tmp_path)
    assert environment["TMPDIR"] == str(tmp_path)
    assert environment["MONAI_LABEL_AUTO_UPDATE_SCORING"] == "false"
    assert "MONAI_LABEL_CORS_ORIGINS" not in environment
    assert (find_app() / "main.py").is_file()


def test_what_can_be_seen_to_be_wrong_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").touch()
    for gallery in ("file", "folder"):
        with pytest.raises(ServeError, match=gallery):
            serve(tmp_path / gallery)
    with pytest.raises(ServeError, match="no such folder of studies"):
        serve(tmp_path / "g", tmp_path / "nowhere")
    with pytest.raises(ServeError, match="other machines"):
        serve(tmp_path / "g", host="0.0.0.0")


def test_a_missing_monai_label_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ServeError, match=r"pip install 'reid-engine\[app\]'"):
        serve(tmp_path / "g")


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {port}"):
            serve(tmp_path / "g", port=port)
    with pytest.raises(ServeError, match="port 70000"):
        serve(tmp_path / "g", port=70000)


def test_an_app_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(module, "_APP_FOLDERS", ("nowhere", "nowhere"))
    with pytest.raises(ServeError, match="install the package again"):
        find_app()


@pytest.mark.slow
def test_a_wrong_option_is_one_line_under_monai_labels_own_command(tmp_path):
    app = shutil.copytree(find_app(), tmp_path / "app")
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies",
               str(tmp_path), "--host", "127.0.0.1", "--port", str(free_port())]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert len([line for line in told.splitlines() if "add --conf gallery DIR" in line]) == 1
    assert "Traceback" not in told


@pytest.mark.slow
def test_an_option_that_the_server_refuses_is_the_errors_text(tmp_path):
    server = start(tmp_path / "g", options={"workers": "0"})
    with pytest.raises(ServeError, match="--conf workers 0: give a number"):
        server.__enter__()


@pytest.mark.slow
def test_ctrl_c_stops_it_in_order_and_leaves_nothing(tmp_path):
    port = free_port()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", RUN, str(tmp_path / "g"), str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        line = ""
        while "Serving on" not in line:
            line = parent.stdout.readline()
            assert line, "the server ended"
        assert f"http://127.0.0.1:{port}" in line
        children = psutil.Process(parent.pid).children(recursive=True)
        assert requests.get(f"http://127.0.0.1:{port}/info/", timeout=30).status_code == 200
        parent.send_signal(signal.SIGINT)
        assert parent.wait(30) == 0
        parent.stdout.read()
    assert children
    assert all(ends(child.pid) for child in children)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"] == []


@pytest.mark.slow
def test_a_killed_starter_takes_the_server_with_it_and_its_leftovers_go_at_the_next_start(
    tmp_path, gallery, monkeypatch
):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    port = free_port()
    command = [sys.executable, "-c", RUN, str(gallery), str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        while "Serving on" not in parent.stdout.readline():
            pass
        children = psutil.Process(parent.pid).children(recursive=True)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert children
    assert all(ends(child.pid) for child in children)
    left = list((tmp_path / f"reid-engine-{os.getuid()}").glob("serve-*"))
    assert len(left) == 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with private_folder("serve"):  # as the next start has it
        assert not left[0].exists()


@pytest.mark.slow
def test_a_killed_servers_upload_is_gone_at_the_next_start(tmp_path, gallery):
    """Under ``monailabel start_server``, whose temporary folder stays the same."""
    app, port = shutil.copytree(find_app(), tmp_path / "app"), free_port()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app), "--studies",
               str(tmp_path / "studies"), "--host", "127.0.0.1", "--port", str(port),
               "--conf", "gallery", str(gallery)]  # fmt: skip
    left = start_upload_and_kill(command, environment, port, tmp_path)
    assert left
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        assert not any(path.exists() for path in left)
        response = requests.post(
            f"http://127.0.0.1:{port}/infer/reidentification_risk",
            files={"file": ("a.png", picture(pixels()))},
            timeout=60,
        )
        assert response.status_code == 200, response.text
    finally:
        server.terminate()
        server.wait(30)
    assert uploads(tmp_path) == []


def start_upload_and_kill(command, environment, port, folder):
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(HALF_AN_UPLOAD)
            end = time.monotonic() + 20
            while not (left := uploads(folder)) and time.monotonic() < end:
                time.sleep(0.05)
            server.kill()
    finally:
        server.kill()
        server.wait()
    return left


def uploads(folder):
    return [path for path in folder.rglob("checks-*/*") if path.name != ".in_use"]


def wait_for(port, process):
    from reid_engine.child_process import wait_until_ready

    wait_until_ready(process, "127.0.0.1", port, 100)
