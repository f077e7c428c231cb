import os

import pytest
from lib import studies
from lib.studies import StudiesFolder

from reid_engine.errors import ReidError


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "studies"
    (root / "sub").mkdir(parents=True)
    for name in ("a.dcm", "b.JPEG", "sub/c.nii.gz", "manifest.csv", "notes.txt"):
        (root / name).write_bytes(b"x")
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "inside.png").symlink_to(root / "a.dcm")
    return root.resolve()


def test_scans_of_every_suffix_are_listed_and_nothing_else(folder):
    assert StudiesFolder(folder).list_images() == ["a.dcm", "b.JPEG", "inside.png", "sub/c.nii.gz"]
    assert StudiesFolder(folder).status()["total"] == 4


def test_listing_writes_nothing(folder):
    before = sorted(folder.rglob("*"))
    StudiesFolder(folder).refresh()
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret.png", "sub/../../secret.png", "link.png", "manifest.csv", "", ".", "sub",
     "a\0.dcm", "sub\\c.nii.gz", "%2e%2e/secret.png", "a.dcm/", "./a.dcm", "x" * 5000],
)  # fmt: skip
def test_only_a_listed_id_has_a_path(folder, name):
    assert StudiesFolder(folder).get_image_uri(name) == ""


def test_an_id_has_its_path(folder):
    assert StudiesFolder(folder).get_image_uri("sub/c.nii.gz") == str(folder / "sub" / "c.nii.gz")


def test_new_files_are_found_and_removed_ones_are_gone(folder, monkeypatch):
    datastore = StudiesFolder(folder)
    (folder / "new.png").write_bytes(b"x")
    os.remove(folder / "a.dcm")
    assert datastore.get_image_uri("a.dcm") == ""
    monkeypatch.setattr(studies, "FRESH_SECONDS", 0)
    assert datastore.get_image_uri("new.png").endswith("new.png")


def test_nothing_can_be_written(folder):
    datastore = StudiesFolder(folder)
    for call in (
        datastore.add_image,
        datastore.remove_image,
        datastore.save_label,
        datastore.update_image_info,
    ):
        with pytest.raises(ReidError, match="read only"):
            call("a.dcm")
