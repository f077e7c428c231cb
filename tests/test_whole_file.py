"""A file appears whole or not at all."""

import os
import stat
import sys

import pytest

from reid_engine.whole_file import PRIVATE, put_text, put_whole


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "report.json"
    put_text(path, "old")

    def half(draft):
        draft.write_text("ha")
        assert path.read_text() == "old"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        put_whole(path, half)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]
    put_text(path, "neu é")
    assert path.read_text(encoding="utf-8") == "neu é"
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_private_file_is_its_owners_alone(tmp_path):
    put_text(tmp_path / "weights", "w", mode=PRIVATE)
    assert stat.S_IMODE((tmp_path / "weights").stat().st_mode) == 0o600
    old = os.umask(0o022)
    try:
        put_text(tmp_path / "page", "p")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "page").stat().st_mode) == 0o644
