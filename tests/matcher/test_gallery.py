"""The gallery on disk: what goes in comes out, and what does not fit is refused in one line."""

import json
import os
import stat

import numpy as np
import pandas as pd
import pytest
from galleries import DIM, ENCODER, WIDTH, assert_whole, files_in, make_gallery, named_files, rows, subjects_of

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.errors import GalleryError
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.rows import COLUMNS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gallery"


def test_a_new_gallery_is_empty_and_has_all_columns(path):
    Gallery.create(path, ENCODER)
    gallery = Gallery.open(path, encoder=ENCODER)
    assert len(gallery) == 0
    assert list(gallery.table.columns) == list(COLUMNS)
    assert gallery.vectors.shape == (0, DIM)
    assert gallery.modalities == ()
    assert gallery.vectors_of("CXR").shape == (0, DIM)


def test_rows_come_back_in_order_with_their_types(path):
    gallery = make_gallery(path)
    table, vectors, thumbnails = rows(
        "ann", 3, age=[61, None, 63.5], sex=["F", None, float("nan")], ward=["7", "", "b"]
    )
    gallery.append(table, vectors, thumbnails)
    opened = Gallery.open(path)
    assert list(opened.table.columns) == [*COLUMNS, "ward"]
    assert opened.table["sample_id"].tolist() == table["sample_id"].tolist()
    assert opened.table["age"].dtype == np.float64
    np.testing.assert_array_equal(opened.table["age"], [61, np.nan, 63.5])
    assert opened.table["sex"].tolist() == ["F", None, None]
    assert opened.table["ward"].tolist() == ["7", None, "b"]
    np.testing.assert_array_equal(opened.vectors, vectors)
    np.testing.assert_array_equal(opened.thumbnails, thumbnails)
    assert opened.thumbnails.dtype == np.int8


def test_a_single_segment_is_mapped_not_copied_and_read_only(path):
    gallery = make_gallery(path, "ann")
    assert isinstance(gallery.vectors.base, np.memmap) or isinstance(gallery.vectors.base, np.ndarray)
    root = gallery.vectors
    while isinstance(root, np.ndarray) and root.base is not None:
        root = root.base
    assert type(root).__name__ == "mmap"
    with pytest.raises(ValueError, match="read-only"):
        gallery.vectors[0] = 0


def test_segments_add_up_and_attributes_of_one_are_missing_in_another(path):
    gallery = make_gallery(path, "ann")
    gallery.append(*rows("bob", 2, ward="7"))
    assert_whole(Gallery.open(path))
    assert gallery.table["ward"].tolist() == [None] * 3 + ["7"] * 2


def test_one_modality_at_a_time(path):
    gallery = make_gallery(path)
    gallery.append(*rows("ann", 2, "OCT"))
    gallery.append(*rows("ann", 3, "CXR"))
    gallery.append(*rows("bob", 1, "OCT"))
    assert gallery.modalities == ("CXR", "OCT")
    assert gallery.positions_of("OCT").tolist() == [0, 1, 5]
    np.testing.assert_array_equal(gallery.vectors_of("OCT"), gallery.vectors[[0, 1, 5]])
    assert gallery.positions_of("MR").tolist() == []


def test_the_table_that_is_given_out_is_a_copy(path):
    gallery = make_gallery(path, "ann")
    table = gallery.table
    table["sex"] = "F"
    assert gallery.table["sex"].tolist() == [None] * 3


def test_only_the_owner_may_look(path):
    before = os.umask(0)
    try:
        gallery = make_gallery(path, "ann")
        gallery.save_model("m", {"a": np.arange(3)}, {})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}


def test_another_encoder_is_refused_and_both_are_named(path):
    make_gallery(path)
    other = EncoderIdentity("another", DIM, "cd" * 32)
    with pytest.raises(GalleryError) as caught:
        Gallery.open(path, encoder=other)
    message = str(caught.value)
    assert "made-up" in message
    assert "another" in message
    assert "abababababab" in message
    assert "cdcdcdcdcdcd" in message
    assert "enrol into a new folder" in message
    assert "\n" not in message


def test_the_same_weights_under_another_name_are_accepted(path):
    make_gallery(path)
    Gallery.open(path, encoder=EncoderIdentity("alias", DIM, ENCODER.fingerprint))


def test_a_gallery_is_not_made_over_another_or_over_files(path, tmp_path):
    make_gallery(path, "ann")
    with pytest.raises(GalleryError, match="a gallery here already"):
        Gallery.create(path, ENCODER)
    assert_whole(Gallery.open(path))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("mine")
    with pytest.raises(GalleryError, match="not empty"):
        Gallery.create(tmp_path / "other", ENCODER)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(GalleryError, match="making the gallery failed"):
        Gallery.create(tmp_path / "file", ENCODER)


def test_there_is_no_gallery(tmp_path):
    for missing in (tmp_path / "nothing", tmp_path):
        with pytest.raises(GalleryError, match="there is no gallery here"):
            Gallery.open(missing)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda t, v, n: (t.assign(sample_id="twice"), v, n), "a sample_id is there twice"),
        (lambda t, v, n: (t.drop(columns="subject_id"), v, n), "the column subject_id is missing"),
        (lambda t, v, n: (t.assign(modality=[None, "CXR", "CXR"]), v, n), "the column modality has empty cells"),
        (lambda t, v, n: (t.assign(age="old"), v, n), "Unable to parse"),
        (lambda t, v, n: (t, v[:2], n), "vectors of shape"),
        (lambda t, v, n: (t, v[:, :-1], n), "vectors of shape"),
        (lambda t, v, n: (t, v, n[:2]), "thumbnails of shape"),
        (lambda t, v, n: (t, np.where(v > 0, np.nan, v), n), "not finite"),
    ],
)
def test_rows_that_do_not_fit_are_refused(path, spoil, reason):
    gallery = make_gallery(path, "ann")
    with pytest.raises(GalleryError, match=reason):
        gallery.append(*spoil(*rows("bob")))
    assert subjects_of(Gallery.open(path)) == {"ann"}


def test_thumbnails_of_another_kind_are_refused(path):
    gallery = make_gallery(path, "ann")
    table, vectors, thumbnails = rows("bob")
    with pytest.raises(GalleryError, match="thumbnails are of another kind"):
        gallery.append(table, vectors, thumbnails[:, :-1])
    with pytest.raises(GalleryError, match="thumbnails are of another kind"):
        gallery.append(table, vectors, thumbnails.astype(np.float32))
    assert files_in(path) == named_files(path)


def test_a_sample_is_enrolled_once_but_may_be_replaced(path):
    gallery = make_gallery(path, "ann", "bob")
    with pytest.raises(GalleryError, match="enrolled already"):
        gallery.append(*rows("bob", 1))
    table, vectors, thumbnails = rows("bob", 4)
    gallery.replace(table.assign(view="PA"), vectors, thumbnails)
    assert_whole(Gallery.open(path))
    assert gallery.table["view"].tolist() == [None] * 3 + ["PA"] * 4
    assert files_in(path) == named_files(path)


def test_no_rows_are_no_commit(path):
    gallery = make_gallery(path, "ann")
    before = gallery.generation
    table, vectors, thumbnails = rows("bob")
    gallery.append(table[:0], vectors[:0], thumbnails[:0])
    assert gallery.generation == before


def test_facts_change_without_touching_vectors(path):
    gallery = make_gallery(path, "ann", "bob")
    vectors = {name for name in files_in(path) if "vectors" in name}
    changed = gallery.update({"ann/CXR-1.png": {"sex": "F", "age": 61.0, "ward": "7"}, "nobody": {"sex": "M"}})
    assert changed == 1
    opened = Gallery.open(path)
    assert_whole(opened)
    row = opened.table.set_index("sample_id").loc["ann/CXR-1.png"]
    assert (row["sex"], row["age"], row["ward"]) == ("F", 61.0, "7")
    assert {name for name in files_in(path) if "vectors" in name} == vectors
    assert files_in(path) == named_files(path)


def test_consolidating_changes_files_only(path):
    gallery = make_gallery(path, *"abcdef")
    gallery.save_model("m", {"a": np.arange(3)}, {})
    before, generation = gallery.table, gallery.samples_generation
    assert gallery.consolidate(3)
    assert len([name for name in files_in(path) if "vectors" in name]) == 1
    opened = Gallery.open(path)
    assert_whole(opened)
    pd.testing.assert_frame_equal(opened.table, before)
    assert opened.samples_generation == generation
    assert opened.load_model("m") is not None
    assert not gallery.consolidate(3)


def test_a_model_comes_back_as_it_was(path):
    gallery = make_gallery(path, "ann")
    arrays = {"weights": np.linspace(0, 1, 7), "names": np.array(["F", "M"]), "count": np.array(3)}
    meta = {"auc": 0.75, "classes": ["F", "M"], "nested": {"n": None}}
    gallery.save_model("probe/sex", arrays, meta)
    stored = Gallery.open(path).load_model("probe/sex")
    assert stored is not None
    assert stored[1] == meta
    assert stored[0].keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(stored[0][name], array)
    assert Gallery.open(path).load_model("probe/age") is None


def test_a_model_takes_the_place_of_its_namesake(path):
    gallery = make_gallery(path, "ann")
    for number in range(3):
        gallery.save_model("m", {"a": np.array(number)}, {})
    assert gallery.load_model("m")[0]["a"] == 2
    assert len([name for name in files_in(path) if name.startswith("model")]) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.append(*rows("bob")),
        lambda g: g.replace(*rows("ann", 1)),
        lambda g: g.remove_subjects(["ann"]),
        lambda g: g.update({"ann/CXR-0.png": {"sex": "F"}}),
    ],
)
def test_a_model_is_stale_once_rows_changed(path, change):
    gallery = make_gallery(path, "ann", "cat")
    gallery.save_model("m", {"a": np.arange(3)}, {})
    assert gallery.models == ("m",)
    change(gallery)
    assert gallery.load_model("m") is None
    assert gallery.models == ()
    assert Gallery.open(path).load_model("m") is None


def test_a_model_fitted_on_rows_that_changed_meanwhile_is_not_stored(path):
    fitted = make_gallery(path, "ann")
    Gallery.open(path).append(*rows("bob"))
    with pytest.raises(GalleryError, match="changed while a model was fitted"):
        fitted.save_model("m", {"a": np.arange(3)}, {})
    assert Gallery.open(path).models == ()


@pytest.mark.parametrize(
    ("arrays", "meta"),
    [
        ({"a": np.array([object()])}, {}),
        ({"a": np.arange(3)}, {"x": float("nan")}),
        ({"a": np.arange(3)}, {"x": {1, 2}}),
    ],
)
def test_a_model_that_is_not_plain_numbers_is_refused(path, arrays, meta):
    gallery = make_gallery(path, "ann")
    with pytest.raises(GalleryError, match="cannot be stored"):
        gallery.save_model("m", arrays, meta)
    assert files_in(path) == named_files(path)


def test_no_file_can_run_code_when_it_is_loaded(path):
    gallery = make_gallery(path, "ann")
    gallery.save_model("m", {"a": np.array(["text"])}, {"k": 1})
    for file in path.iterdir():
        assert b"\x80\x04" not in file.read_bytes()[:16]
        assert file.suffix in {".npy", ".npz", ".parquet", ".json", ".lock"}


def test_reload_shows_what_another_committed(path):
    reader, writer = make_gallery(path, "ann"), Gallery.open(path)
    assert not reader.reload()
    writer.append(*rows("bob"))
    held = reader.snapshot()
    assert subjects_of(reader) == {"ann"}
    assert reader.reload()
    assert subjects_of(reader) == {"ann", "bob"}
    assert len(held) == len(held.table) == len(held.vectors) == 3
    writer.save_model("m", {"a": np.arange(3)}, {})
    assert reader.load_model("m") is None
    assert reader.reload()
    assert reader.load_model("m") is not None


def test_a_snapshot_outlives_the_removal_of_its_files(path):
    gallery = make_gallery(path, "ann", "bob")
    held = Gallery.open(path).snapshot()
    gallery.remove_subjects(["ann"])
    np.testing.assert_array_equal(held.vectors[:3], rows("ann")[1])


def test_a_gallery_made_anew_in_the_same_folder_is_noticed(path, tmp_path):
    reader = make_gallery(path, "ann")
    path.rename(tmp_path / "old")
    make_gallery(path, "bob")
    assert reader.reload()
    assert subjects_of(reader) == {"bob"}
    path.rename(tmp_path / "older")
    Gallery.create(path, EncoderIdentity("another", DIM, "cd" * 32))
    with pytest.raises(GalleryError, match="made anew"):
        reader.reload()


def test_files_of_others_are_left_alone(path):
    gallery = make_gallery(path, "ann")
    (path / "notes.txt").write_text("mine")
    (path / "segment-notes.npy").write_text("mine too")
    gallery.append(*rows("bob"))
    gallery.remove_subjects(["ann"])
    assert (path / "notes.txt").read_text() == "mine"
    assert (path / "segment-notes.npy").read_text() == "mine too"


def test_the_ledger_is_small_plain_json(path):
    make_gallery(path, "ann")
    document = json.loads((path / "manifest.json").read_text())
    assert (document["format"], document["version"]) == ("reid-gallery", 2)
    encoder = {"name": "made-up", "dim": DIM, "fingerprint": ENCODER.fingerprint, "appearance": 0}
    assert document["encoder"] == encoder
    assert "ann" not in (path / "manifest.json").read_text()


def test_many_rows_are_written_in_blocks_and_read_whole(path, monkeypatch):
    from reid_engine.matcher import segment, storage

    monkeypatch.setattr(storage, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(segment, "COPY_ROWS", 7)
    gallery = make_gallery(path, "ann")
    gallery.append(*rows("bob", 100))
    mixed = [pd.concat([a, b]) if isinstance(a, pd.DataFrame) else np.concatenate([a, b])
             for a, b in zip(rows("cat", 40), rows("dan", 50), strict=True)]  # fmt: skip
    gallery.append(*mixed)
    gallery.remove_subjects(["cat"])
    assert_whole(Gallery.open(path))
    assert subjects_of(gallery) == {"ann", "bob", "dan"}
    assert gallery.thumbnails.shape == (153, WIDTH)
