"""Who withdraws consent is gone from the disk: rows, names, digests, and whatever was fitted with them."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from galleries import assert_whole, files_in, make_gallery, named_files, rows, subjects_of

from reid_engine.errors import GalleryError
from reid_engine.matcher.gallery import Gallery


def traces(subject, count=3):
    """Give the bytes by which a subject could be found again."""
    table, vectors, thumbnails = rows(subject, count)
    names = [name.encode() for name in table["sample_id"]]
    digests = [f"digest-of-{name}".encode() for name in table["sample_id"]]
    return [subject.encode(), *names, *digests, *(v.tobytes() for v in vectors), *(t.tobytes() for t in thumbnails)]


def everything(path):
    """Give the bytes of every file, tables decoded as well."""
    data = []
    for file in path.iterdir():
        data.append(file.name.encode())
        data.append(file.read_bytes())
        if file.suffix == ".parquet":
            data.append(repr(pq.read_table(io.BytesIO(data[-1])).to_pylist()).encode())
    return b"\0".join(data)


@pytest.fixture
def gallery(tmp_path):
    gallery = make_gallery(tmp_path / "gallery")
    for subjects in (("withdrawn-ann", "bob"), ("cat",), ("withdrawn-ann2",)):
        for subject in subjects:
            table, vectors, thumbnails = rows(subject)
            gallery.append(table.assign(file_digest="digest-of-" + table["sample_id"]), vectors, thumbnails)
    gallery.consolidate(0)
    gallery.append(*rows("dan"))
    return gallery


def test_nothing_of_a_removed_subject_is_left_in_the_folder(gallery):
    gallery.save_model("mean", {"mean": gallery.vectors.mean(axis=0), "first": gallery.vectors[0]}, {"n": 15})
    before = everything(gallery.path)
    assert all(trace in before for trace in traces("withdrawn-ann"))
    assert gallery.remove_subjects(["withdrawn-ann"]) == 3
    after = everything(gallery.path)
    found = [trace for trace in traces("withdrawn-ann")[1:] if trace in after]
    assert found == []
    assert after.count(b"withdrawn-ann") == after.count(b"withdrawn-ann2")
    assert all(trace in after for trace in traces("withdrawn-ann2"))
    assert not [name for name in files_in(gallery.path) if name.startswith("model")]
    assert files_in(gallery.path) == named_files(gallery.path)


def test_the_others_stay_as_they_were(gallery):
    gallery.remove_subjects(["dan", "bob"])
    opened = Gallery.open(gallery.path)
    assert_whole(opened)
    assert subjects_of(opened) == {"withdrawn-ann", "withdrawn-ann2", "cat"}
    assert opened.table["file_digest"].notna().all()


def test_segments_without_the_subject_are_not_rewritten(gallery):
    mine = {name for name in files_in(gallery.path) if name.startswith("segment")}
    gallery.append(*rows("eve"))
    others = {name for name in files_in(gallery.path) if name.startswith("segment")} - mine
    gallery.remove_subjects(["bob"])
    assert others <= files_in(gallery.path)


def test_all_can_be_removed(gallery):
    assert gallery.remove_subjects(subjects_of(gallery)) == 15
    opened = Gallery.open(gallery.path)
    assert len(opened) == 0
    assert files_in(gallery.path) == {"manifest.json"}
    gallery.append(*rows("bob"))
    assert_whole(Gallery.open(gallery.path))


def test_unknown_ids_are_said_by_place_and_nothing_is_removed(gallery):
    before = gallery.generation
    with pytest.raises(GalleryError) as caught:
        gallery.remove_subjects(["bob", "secret-name", "cat", "other-secret"])
    message = str(caught.value)
    assert "2 of the 4 subjects given (in the order given, number 2, 4) are not enrolled" in message
    assert "nothing was removed" in message
    assert "secret" not in message
    assert gallery.generation == before
    assert len(Gallery.open(gallery.path)) == 15


def test_removing_nobody_changes_nothing(gallery):
    before = gallery.generation
    assert gallery.remove_subjects([]) == 0
    assert gallery.generation == before


def test_a_subject_that_another_process_enrolled_since_can_be_removed(gallery):
    Gallery.open(gallery.path).append(*rows("eve"))
    assert gallery.remove_subjects(["eve"]) == 3


def test_a_file_that_is_held_open_is_reported_and_goes_next_time(gallery, monkeypatch):
    from pathlib import Path

    unlink = Path.unlink

    def held(self, missing_ok=False):
        if self.name.startswith("segment"):
            raise PermissionError(13, "in use", str(self))
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", held)
    with pytest.raises(GalleryError, match="held by another process"):
        gallery.remove_subjects(["bob"])
    monkeypatch.undo()
    opened = Gallery.open(gallery.path)
    assert "bob" not in subjects_of(opened)
    opened.append(*rows("eve"))
    assert files_in(gallery.path) == named_files(gallery.path)
    assert vector_bytes("bob") not in everything(gallery.path)


def vector_bytes(subject):
    return np.asarray(rows(subject)[1][0]).tobytes()
