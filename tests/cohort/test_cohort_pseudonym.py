"""Keyed pseudonyms and the key file."""

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from reid_engine.errors import ReidError
from reid_engine.pseudonym import KEY_BYTES, KEY_FILE_VARIABLE, key_path, load_key, pseudonym

KEY = bytes(range(32))


def test_it_is_hmac_sha256():
    expected = hmac.new(KEY, b"S\0PID-7", hashlib.sha256).hexdigest()
    assert pseudonym("PID-7", KEY) == "S-" + expected[:12].upper()
    assert pseudonym("PID-7", KEY, digits=64) == "S-" + expected.upper()


def test_key_id_and_kind_all_count():
    names = {
        pseudonym("PID-7", KEY),
        pseudonym("PID-8", KEY),
        pseudonym("PID-7", KEY[::-1]),
        pseudonym("PID-7", KEY, prefix="V"),
    }
    assert len(names) == 4
    assert pseudonym("Ren\u00e9", KEY) == pseudonym("Ren\u00e9", KEY)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "er" / "key"
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
    assert key_path() == path
    key = load_key()
    assert len(key) == KEY_BYTES
    assert load_key() == key == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["key"]


def test_many_at_once_get_one_key(tmp_path):
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(path), range(40)))
    assert len(keys) == 1


def test_without_hard_links(tmp_path, monkeypatch):
    from pathlib import Path

    def refuse(self, target):
        raise OSError(38, "not supported")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "key"
    assert load_key(path) == load_key(path) == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


def test_the_users_configuration_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert key_path() == tmp_path / "reid-engine" / "pseudonym.key"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    assert key_path() == tmp_path / "Roaming" / "reid-engine" / "pseudonym.key"
    monkeypatch.setattr("sys.platform", "darwin")
    assert key_path().parts[-3:] == ("Application Support", "reid-engine", "pseudonym.key")


def test_a_short_or_unreadable_key_is_refused(tmp_path):
    (tmp_path / "short").write_bytes(b"secret")
    with pytest.raises(ReidError, match="shorter than 16 bytes"):
        load_key(tmp_path / "short")
    (tmp_path / "file").touch()
    with pytest.raises(ReidError, match=f"cannot be read or made .*{KEY_FILE_VARIABLE}"):
        load_key(tmp_path / "file" / "key")
    with pytest.raises(ReidError, match="cannot be read or made"):
        load_key(tmp_path)
