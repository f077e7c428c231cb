"""Several writers and readers at once: writers wait, readers see whole commits only."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from galleries import ENCODER, assert_whole, files_in, make_gallery, named_files, rows, subjects_of

from reid_engine.errors import GalleryError
from reid_engine.matcher import commit
from reid_engine.matcher.gallery import Gallery

HERE = Path(__file__).parent


def test_two_processes_and_a_thread_enrol_at_once(tmp_path):
    gallery = make_gallery(tmp_path / "gallery")
    command = [sys.executable, HERE / "appending_process.py", gallery.path]
    environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}"}
    others = [
        subprocess.Popen([*command, name, "6"], env=environment, stderr=subprocess.PIPE, text=True)
        for name in ("left", "right")
    ]
    for number in range(6):
        gallery.append(*rows(f"here-{number}"))
    for other in others:
        _, error = other.communicate(timeout=60)
        assert other.returncode == 0, error
    gallery.reload()
    assert_whole(gallery)
    assert subjects_of(gallery) == {f"{who}-{n}" for who in ("left", "right", "here") for n in range(6)}
    assert files_in(gallery.path) == named_files(gallery.path)


def test_threads_share_one_object(tmp_path):
    gallery = make_gallery(tmp_path / "gallery")
    failures: list[BaseException] = []

    def enrol(name):
        try:
            for number in range(5):
                gallery.append(*rows(f"{name}-{number}", 2))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=enrol, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_whole(gallery)
    assert len(gallery) == 30


@pytest.mark.parametrize("own", [True, False])
def test_readers_never_see_half_a_commit(tmp_path, own):
    """People come in threes and leave in threes, so any commit has a multiple of three samples of each."""
    writer = make_gallery(tmp_path / "gallery", "stays")
    stop, failures, seen = threading.Event(), [], set()

    def read():
        reader = Gallery.open(writer.path, encoder=ENCODER) if own else writer
        try:
            while not stop.is_set():
                if own:
                    reader.reload()
                shown = reader.snapshot()
                counts = shown.table["subject_id"].value_counts()
                assert (counts == 3).all()
                assert len(shown.vectors) == len(shown.thumbnails) == counts.sum()
                assert np.isfinite(shown.vectors).all()
                assert counts["stays"] == 3
                seen.add(shown.ledger.generation)
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(12):
        writer.append(*rows(f"s{number}"))
        if number % 3 == 2:
            writer.remove_subjects([f"s{number - 1}", f"s{number}"])
            writer.consolidate(1)
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(seen) > 5


def test_opening_while_files_are_replaced_opens_the_newer_commit(tmp_path, monkeypatch):
    from reid_engine.matcher import snapshot

    gallery = make_gallery(tmp_path / "gallery", "ann", "bob")
    open_segment = snapshot.open_segment
    calls = []

    def slow(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            gallery.remove_subjects(["ann"])
        return open_segment(*arguments)

    monkeypatch.setattr(snapshot, "open_segment", slow)
    opened = Gallery.open(gallery.path)
    assert subjects_of(opened) == {"bob"}
    assert_whole(opened)


def test_a_model_that_another_process_dropped_is_none(tmp_path):
    gallery = make_gallery(tmp_path / "gallery", "ann")
    gallery.save_model("m", {"a": np.arange(3)}, {})
    reader = Gallery.open(gallery.path)
    gallery.append(*rows("bob"))
    assert reader.load_model("m") is None


def test_a_writer_that_waits_too_long_says_so(tmp_path, monkeypatch):
    gallery = make_gallery(tmp_path / "gallery", "ann")
    monkeypatch.setattr(commit, "LOCK_TIMEOUT_S", 0.2)
    with FileLock(gallery.path / "gallery.lock"):
        started = time.monotonic()
        with pytest.raises(GalleryError, match="in use by another process") as caught:
            gallery.append(*rows("bob"))
        assert time.monotonic() - started < 5
        assert "\n" not in str(caught.value)
        assert subjects_of(Gallery.open(gallery.path)) == {"ann"}, "a reader needs no lock"
    gallery.append(*rows("bob"))
    assert subjects_of(gallery) == {"ann", "bob"}
