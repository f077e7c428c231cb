"""A full disk: a clear sentence, the gallery as it was, nothing half-written left behind."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from galleries import assert_whole, files_in, make_gallery, named_files, rows, subjects_of

from reid_engine.errors import GalleryError
from reid_engine.matcher import storage
from reid_engine.matcher.gallery import Gallery

CHANGES = {
    "append": lambda g: g.append(*rows("cat")),
    "replace": lambda g: g.replace(*rows("bob", 5)),
    "remove": lambda g: g.remove_subjects(["ann"]),
    "update": lambda g: g.update({"ann/CXR-0.png": {"ward": "x" * 100_000}}),
    "consolidate": lambda g: g.consolidate(0),
    "model": lambda g: g.save_model("n", {"a": np.zeros(100_000)}, {}),
}
TOO_LARGE = (lambda g: g.append(*rows("cat", 2000)), CHANGES["model"], CHANGES["update"])


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "gallery.lock"}


def small_disk(folder: Path, size: int) -> bool:
    """Mount a small file system; False where this user may not."""
    mount = shutil.which("mount")
    if sys.platform != "linux" or mount is None:
        return False
    done = subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    return done.returncode == 0


@pytest.fixture
def limited(tmp_path):
    """Give a folder on a disk of 64 KiB, or on any disk with files of at most 8 KiB, and how full is said."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if small_disk(folder, 64 << 10):
        yield folder
        subprocess.run(["umount", "-l", folder], check=True)  # mapped files keep it busy
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, before[1]))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up(limited):
    gallery = make_gallery(limited / "gallery", "ann")
    before = contents(gallery.path)
    for change in TOO_LARGE:
        with pytest.raises(GalleryError, match="the disk is full; the gallery is as it was before"):
            change(gallery)
        assert contents(gallery.path) == before
        assert_whole(Gallery.open(gallery.path))
    gallery.append(*rows("bob", 1))
    assert subjects_of(Gallery.open(gallery.path)) == {"ann", "bob"}


def test_a_disk_without_any_room(limited):
    gallery = make_gallery(limited / "gallery", "ann", "bob")
    filler = limited / "filler"
    with pytest.raises(OSError, match=r"No space|too large"), filler.open("wb") as file:
        while True:
            file.write(b"x" * 512)
            file.flush()
    room = os.statvfs(limited).f_bavail
    before = contents(gallery.path)
    for change in (*TOO_LARGE, CHANGES["remove"]) if room == 0 else TOO_LARGE:
        with pytest.raises(GalleryError, match="the disk is full"):
            change(gallery)
        assert contents(gallery.path) == before
    filler.unlink()
    gallery.remove_subjects(["ann"])
    assert subjects_of(Gallery.open(gallery.path)) == {"bob"}


class Failing:
    """Lets the first `spared` calls through, then raises."""

    def __init__(self, function, spared, code):
        self.function, self.spared, self.code = function, spared, code

    def __call__(self, *arguments, **named):
        if self.spared == 0:
            raise OSError(self.code, os.strerror(self.code))
        self.spared -= 1
        return self.function(*arguments, **named)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failure_at_any_step_leaves_the_gallery_as_it_was(tmp_path, monkeypatch, change, code):
    gallery = make_gallery(tmp_path / "gallery", "ann", "bob")
    gallery.save_model("m", {"a": np.arange(3)}, {})
    before, table = contents(gallery.path), gallery.table
    failures = 0
    for function in ("fsync", "open"):
        for spared in range(50):
            with monkeypatch.context() as patch:
                patch.setattr(storage.os, function, Failing(getattr(os, function), spared, code))
                try:
                    CHANGES[change](gallery)
                except GalleryError as error:
                    message = str(error)
                else:
                    break
            failures += 1
            assert "\n" not in message
            if "is made, but" in message:
                break
            assert ("the disk is full" in message) == (code != errno.EIO)
            assert contents(gallery.path) == before
            assert gallery.table.equals(table)
        assert_whole(Gallery.open(gallery.path))
        shutil.rmtree(gallery.path)
        gallery = make_gallery(tmp_path / "gallery", "ann", "bob")
        gallery.save_model("m", {"a": np.arange(3)}, {})
        before, table = contents(gallery.path), gallery.table
    assert failures >= 6


def test_a_commit_that_the_disk_does_not_confirm_is_said_to_be_made(tmp_path, monkeypatch):
    gallery = make_gallery(tmp_path / "gallery", "ann")
    sync_folder = storage.sync_folder
    calls = []

    def failing(path):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(errno.EIO, "the disk is broken")
        sync_folder(path)

    monkeypatch.setattr("reid_engine.matcher.commit.sync_folder", failing)
    with pytest.raises(GalleryError, match="the change is made, but the disk did not confirm it"):
        gallery.append(*rows("bob"))
    monkeypatch.undo()
    assert subjects_of(Gallery.open(gallery.path)) == {"ann", "bob"}
    gallery.append(*rows("cat"))
    assert_whole(gallery)
    assert files_in(gallery.path) == named_files(gallery.path)


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    gallery = make_gallery(tmp_path / "gallery", "ann")
    monkeypatch.setattr(storage.os, "open", Failing(os.open, 0, errno.EACCES))
    with pytest.raises(GalleryError, match="permission denied; check the folder and its permissions"):
        gallery.append(*rows("bob"))
