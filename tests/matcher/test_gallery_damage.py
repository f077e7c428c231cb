"""A gallery that is damaged, hostile or from the future is refused in one line."""

import json
import os
import pickle

import numpy as np
import pytest
from galleries import ENCODER, assert_whole, files_in, make_gallery, named_files, rows, subjects_of

from reid_engine.errors import GalleryError
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.ledger import VERSION


@pytest.fixture
def path(tmp_path):
    gallery = make_gallery(tmp_path / "gallery", "ann", "bob")
    gallery.save_model("m", {"a": np.arange(100)}, {"k": 1})
    return gallery.path


def file_like(path, part):
    return sorted(file for file in path.iterdir() if part in file.name)[0]


def refused(path):
    with pytest.raises(GalleryError) as caught:
        Gallery.open(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("part", ["vectors", "thumbnails", "table"])
def test_a_truncated_file(path, part):
    file = file_like(path, part)
    os.truncate(file, file.stat().st_size - 1)
    assert f"{file.name} is damaged" in refused(path)


@pytest.mark.parametrize("part", ["vectors", "thumbnails", "table"])
def test_a_missing_file(path, part):
    file = file_like(path, part)
    file.unlink()
    assert f"{file.name} is missing" in refused(path)


@pytest.mark.parametrize("part", ["vectors", "thumbnails", "table"])
def test_a_file_of_the_right_length_with_other_bytes(path, part):
    file = file_like(path, part)
    file.write_bytes(b"\xff" * file.stat().st_size)
    assert f"{file.name} is damaged" in refused(path)


def resized(path, file):
    """Tell the ledger the new length of a file, as one would who wants to be taken for whole."""
    ledger = path / "manifest.json"
    document = json.loads(ledger.read_text())
    for entry in [part for segment in document["segments"] for part in segment.values() if isinstance(part, dict)]:
        if entry["name"] == file.name:
            entry["bytes"] = file.stat().st_size
    ledger.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 23), np.float32), np.zeros((2, 24), np.float32), np.zeros((3, 24)), np.zeros(72, np.float32),
     np.zeros((24, 3), np.float32).T],
)  # fmt: skip
def test_an_array_of_another_shape_type_or_order(path, array):
    file = file_like(path, "vectors")
    np.save(file, array)
    resized(path, file)
    assert f"{file.name} is damaged" in refused(path)


def test_a_pickle_is_not_loaded(path, tmp_path):
    file = file_like(path, "vectors")
    flag = tmp_path / "executed"

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(flag),))

    array = np.empty((3, 24), dtype=object)
    array[:] = Trap()
    np.save(file, array, allow_pickle=True)
    resized(path, file)
    assert "damaged" in refused(path)
    file.write_bytes(pickle.dumps(Trap()))
    resized(path, file)
    assert "damaged" in refused(path)
    assert not flag.exists()


def test_a_link_in_the_place_of_a_file(path, tmp_path):
    file = file_like(path, "vectors")
    (tmp_path / "elsewhere.npy").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere.npy")
    assert "damaged" in refused(path)


@pytest.mark.parametrize(
    "garbage",
    [b"", b"not json", b"[]", b"null", b"{}", b'{"format": "reid-gallery"}', b"\xff\xfe", b'{"format": "reid-gallery", "version": 1}',
     b'{"format": "reid-gallery", "version": "1"}', b'{"format": "something", "version": 1}', b"[" * 100_000],
)  # fmt: skip
def test_a_garbage_manifest(path, garbage):
    (path / "manifest.json").write_bytes(garbage)
    assert "manifest.json is damaged" in refused(path)


def test_a_manifest_from_the_future(path):
    edit(path, lambda document: document.update(version=VERSION + 1, segments="whatever comes"))
    message = refused(path)
    assert f"format version {VERSION + 1}" in message
    assert "install a newer reid-engine" in message


def edit(path, change):
    ledger = path / "manifest.json"
    document = json.loads(ledger.read_text())
    change(document)
    ledger.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "name",
    ["../secret.vectors.npy", "/etc/passwd", "segment-00000001-00000000.vectors.npy/../../x", "..", "", "sub/x.npy",
     "segment-00000001-00000000.vectors.npy\n", "manifest.json", 7, None],
)  # fmt: skip
def test_a_manifest_that_points_out_of_the_folder(path, name):
    edit(path, lambda document: document["segments"][0]["vectors"].update(name=name))
    assert "manifest.json is damaged" in refused(path)


@pytest.mark.parametrize("name", ["../m.npz", "/tmp/m.npz", "m.npz"])
def test_a_model_that_points_out_of_the_folder(path, name):
    edit(path, lambda document: document["models"]["m"]["file"].update(name=name))
    assert "manifest.json is damaged" in refused(path)


@pytest.mark.parametrize("value", [-1, 1.5, True, "3", None])
def test_counts_that_are_none(path, value):
    edit(path, lambda document: document["segments"][0].update(rows=value))
    assert "manifest.json is damaged" in refused(path)


def test_rows_that_are_counted_wrong(path):
    edit(path, lambda document: document["segments"][0].update(rows=4))
    assert "is damaged" in refused(path)


def test_a_damaged_model_is_said_and_the_rows_can_still_be_read(path):
    file = file_like(path, "model")
    file.write_bytes(b"\xff" * file.stat().st_size)
    gallery = Gallery.open(path)
    assert_whole(gallery)
    with pytest.raises(GalleryError, match="is damaged"):
        gallery.load_model("m")
    file.unlink()
    with pytest.raises(GalleryError, match="is missing"):
        gallery.load_model("m")
    gallery.save_model("m", {"a": np.arange(3)}, {})
    assert gallery.load_model("m") is not None


def test_a_folder_in_the_place_of_the_manifest(path):
    (path / "manifest.json").unlink()
    (path / "manifest.json").mkdir()
    assert "cannot be read" in refused(path)


def test_leftovers_of_a_killed_writer_are_cleared_by_the_next_one(path):
    left = ["segment-00000099-0123abcd.vectors.npy", "segment-00000099-0123abcd.table.parquet",
            "model-00000099-0123abcd.npz", "manifest-00000099-0123abcd.tmp"]  # fmt: skip
    for name in left:
        (path / name).write_bytes(b"half a file")
    gallery = Gallery.open(path)
    assert_whole(gallery)
    assert set(left) < files_in(path), "a reader changes nothing"
    gallery.append(*rows("cat"))
    assert files_in(path) == named_files(path)


def test_a_folder_where_making_was_killed_can_be_used(tmp_path):
    path = tmp_path / "gallery"
    path.mkdir()
    (path / "gallery.lock").touch()
    (path / "manifest-00000000-0123abcd.tmp").write_bytes(b"{")
    gallery = Gallery.create(path, ENCODER)
    gallery.append(*rows("ann"))
    assert subjects_of(Gallery.open(path)) == {"ann"}
    assert files_in(path) == named_files(path)
