import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from reid_engine import private_folder as module
from reid_engine.errors import ServeError
from reid_engine.private_folder import private_folder

HOLD = """
import sys, time
from reid_engine.private_folder import private_folder
with private_folder("checks") as folder:
    (folder / "scan").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_is_for_its_user_alone_and_gone_afterwards():
    with private_folder("checks") as folder:
        (folder / "scan").write_bytes(b"x")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert not folder.exists()


def test_it_is_gone_after_a_failure():
    context = private_folder("checks")
    folder = context.__enter__()
    (folder / "scan").write_bytes(b"x")
    assert not context.__exit__(ValueError, ValueError(), None)
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_stays():
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    try:
        held = Path(holder.stdout.readline().strip())
        with private_folder("checks"):
            assert (held / "scan").exists()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert (held / "scan").exists()
        with private_folder("other"):
            assert held.exists()
        with private_folder("checks"):
            assert not held.exists()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_folder_that_others_can_enter_is_not_used(own_temporary_folder):
    home = module._home()
    home.chmod(0o755)
    with pytest.raises(ServeError, match="set TMPDIR"), private_folder("checks"):
        pass


def test_a_link_in_its_place_is_not_followed(own_temporary_folder, tmp_path):
    home = module._home()
    home.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    home.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServeError, match="set TMPDIR"), private_folder("checks"):
        pass
