"""``reid-engine enrol`` and ``remove``: what gets in, what stays out, and what goes."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from reid_engine.matcher.ledger import parse_ledger, read_ledger_bytes
from reid_engine.phantom import phantom_scan, write_phantom_cohort


def test_enrolling_again_skips_and_replaces(invoke, small_cohort, tmp_path):
    words = ("enrol", small_cohort, "--gallery", tmp_path / "g", "--json")
    first = json.loads(invoke(*words).stdout)
    assert (first["added"], first["skipped"], first["replaced"], first["refused"]) == (6, 0, 0, [])
    assert first["gallery"] == {"path": str(tmp_path / "g"), "subjects": 3, "samples": 6}
    Image.fromarray(phantom_scan("CXR", 0, 5, 0, 96)).save(small_cohort / "cxr_P001_s1.png")
    second = json.loads(invoke(*words).stdout)
    assert (second["added"], second["skipped"], second["replaced"]) == (0, 5, 1)
    assert second["gallery"]["samples"] == 6


def test_people_read_what_was_done(invoke, small_cohort, tmp_path):
    done = invoke("enrol", small_cohort, "--gallery", tmp_path / "g")
    assert done.exit_code == 0, done.stderr
    assert "Added 6" in done.stdout
    assert "6 images of 3 subjects" in done.stdout
    assert done.stderr == ""


def test_broken_files_are_listed_and_the_rest_enrolled(invoke, small_cohort, tmp_path):
    (small_cohort / "cxr_P001_s1.png").write_bytes(b"no image")
    whole = (small_cohort / "cxr_P002_s2.png").read_bytes()
    (small_cohort / "cxr_P002_s2.png").write_bytes(whole[: len(whole) // 2])
    done = invoke("enrol", small_cohort, "--gallery", tmp_path / "g")
    assert done.exit_code == 2
    assert done.stderr == "reid-engine: 2 of 6 images were refused, the others are enrolled\n"
    assert f"  {small_cohort}/cxr_P001_s1.png: the file is not an image" in done.stdout
    assert f"  {small_cohort}/cxr_P002_s2.png: " in done.stdout
    again = invoke("enrol", small_cohort, "--gallery", tmp_path / "g", "--json")
    summary = json.loads(again.stdout)
    assert again.exit_code == 2
    assert (summary["added"], summary["skipped"], len(summary["refused"])) == (0, 4, 2)


def test_every_problem_of_a_manifest_is_told(invoke, small_cohort, tmp_path):
    manifest = small_cohort / "manifest.csv"
    lines = manifest.read_text().splitlines()
    lines[2] = lines[2].replace("cxr_P001_s2.png", "gone.png")
    lines[3] = lines[3].replace("cxr_P002_s1.png", "../escape.png")
    lines[4] = lines[1]
    manifest.write_text("\n".join(lines))
    done = invoke("enrol", small_cohort, "--gallery", tmp_path / "g")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    for part in ("3 problems", "row 3", "gone.png", "row 4", "row 5"):
        assert part in done.stderr
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [("", "empty"), ("subject_id\nP1\n", "file"), ("file,subject_id\n", "no rows"), ("\x00\xff", "")],
)
def test_manifests_that_are_none(invoke, refused, tmp_path, content, says):
    (tmp_path / "manifest.csv").write_bytes(content.encode("latin-1"))
    assert says in refused(invoke("enrol", tmp_path, "--gallery", tmp_path / "g"))


def test_a_folder_without_images(invoke, refused, tmp_path):
    (tmp_path / "c").mkdir()
    refused(invoke("enrol", tmp_path / "c", "--gallery", tmp_path / "g"))


def test_a_scan_for_a_cohort(invoke, refused, small_cohort, tmp_path):
    done = invoke("enrol", small_cohort / "cxr_P001_s1.png", "--gallery", tmp_path / "g")
    assert "is no cohort" in refused(done)


def test_a_folder_with_other_things_is_no_gallery(invoke, refused, small_cohort):
    assert "holds other files" in refused(invoke("enrol", small_cohort, "--gallery", small_cohort))
    done = invoke("enrol", small_cohort, "--gallery", small_cohort / "manifest.csv")
    assert "is a file" in refused(done)


def test_another_encoder_than_the_gallerys(invoke, refused, small_cohort, phantom_gallery):
    words = ("enrol", small_cohort, "--gallery", phantom_gallery)
    assert "reid-lite0" in refused(invoke(*words, "--encoder", "efficientnet-lite2"))
    ledger = json.loads((phantom_gallery / "manifest.json").read_text())
    ledger["encoder"]["fingerprint"] = "0" * 64
    (phantom_gallery / "manifest.json").write_text(json.dumps(ledger))
    assert "made with the encoder" in refused(invoke(*words))


def test_dicom_folders_are_pseudonymised_unless_the_operator_says_otherwise(invoke, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    write_phantom_cohort(tmp_path / "dcm", subjects=2, sessions=2, modalities=("CXR",), size=96, format="dicom")
    from reid_engine.matcher.gallery import Gallery

    subjects = {}
    for name, words in (("hidden", ()), ("shown", ("--no-pseudonyms",))):
        done = invoke("enrol", tmp_path / "dcm", "--gallery", tmp_path / name, *words)
        assert done.exit_code == 0, done.stderr
        assert "MRN" not in done.stdout
        subjects[name] = set(Gallery.open(tmp_path / name).table["subject_id"])
    assert subjects["shown"] == {"MRN-P001", "MRN-P002"}
    assert len(subjects["hidden"]) == 2
    assert not any("MRN" in subject for subject in subjects["hidden"])


def test_a_full_disk_leaves_the_gallery_as_it_was(small_cohort, tmp_path):
    """A limit on file size stands in for a full disk: the vectors of six images have 30 kB."""
    resource = pytest.importorskip("resource")  # Windows has no such limit
    done = subprocess.run(
        [sys.executable, "-m", "reid_engine.cli", "enrol", small_cohort, "--gallery", tmp_path / "g"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "the disk is full" in done.stderr
    assert parse_ledger(read_ledger_bytes(tmp_path / "g"), tmp_path / "g").rows == 0


@pytest.mark.slow
def test_stopped_and_run_again_it_completes(tmp_path, run):
    write_phantom_cohort(tmp_path / "c", subjects=30, sessions=3, modalities=("CXR",), size=96)
    command = [sys.executable, "-m", "reid_engine.cli", "enrol", str(tmp_path / "c"), "--gallery"]
    with subprocess.Popen(
        [*command, str(tmp_path / "g")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "g" / "manifest.json").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "reid-engine: stopped\n")
    done = run("enrol", tmp_path / "c", "--gallery", tmp_path / "g", "--json")
    summary = json.loads(done.stdout)
    assert summary["added"] + summary["skipped"] == summary["gallery"]["samples"] == 90


def _bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_who_withdraws_is_gone_from_disk(invoke, small_cohort, tmp_path):
    gallery = tmp_path / "g"
    invoke("enrol", small_cohort, "--gallery", gallery)
    from reid_engine.matcher.gallery import Gallery

    opened = Gallery.open(gallery)
    vector = opened.vectors[list(opened.table["subject_id"]).index("P002")].tobytes()
    del opened
    assert vector in _bytes_on_disk(gallery)
    done = invoke("remove", "--gallery", gallery, "P002", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["removed"] == {"subjects": 1, "samples": 2}
    assert summary["gallery"]["subjects"] == 2
    assert vector not in _bytes_on_disk(gallery)
    assert b"P002" not in _bytes_on_disk(gallery)


def test_removing_everybody_leaves_an_empty_gallery(invoke, refused, small_cohort, tmp_path):
    gallery = tmp_path / "g"
    invoke("enrol", small_cohort, "--gallery", gallery)
    done = invoke("remove", "--gallery", gallery, "P001", "P002", "P003", "--yes")
    assert "Removed 3 subjects with 6 images" in done.stdout
    shutil.copy(small_cohort / "cxr_P001_s1.png", tmp_path / "scan.png")
    assert "nobody is enrolled" in refused(invoke("check", tmp_path / "scan.png", "--gallery", gallery))


def test_removing_somebody_unknown_removes_nobody(invoke, refused, small_cohort, tmp_path):
    gallery = tmp_path / "g"
    invoke("enrol", small_cohort, "--gallery", gallery)
    assert "1 of the 2 subjects given" in refused(invoke("remove", "--gallery", gallery, "P001", "P999"))
    assert parse_ledger(read_ledger_bytes(gallery), gallery).rows == 6


def test_removing_from_no_gallery(invoke, refused, tmp_path):
    refused(invoke("remove", "--gallery", tmp_path, "P001"))
