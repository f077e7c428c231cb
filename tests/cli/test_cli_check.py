"""``reid-engine check``: the report, and every input that is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from reid_engine.phantom import phantom_scan


@pytest.fixture
def scan(phantom_cohort: Path) -> Path:
    """Give a chest phantom of the enrolled cohort."""
    return phantom_cohort / "cxr_P002_s1.png"


def finite(value: object) -> bool:
    """Tell whether a document holds only what JSON has."""
    text = json.dumps(value, allow_nan=False)
    return json.loads(text) == value


def test_an_enrolled_image_is_found_and_flagged(invoke, scan, phantom_gallery):
    done = invoke("check", scan, "--gallery", phantom_gallery, "--modality", "cxr", "--json", "--top", "3")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == "reid-risk/1"
    assert finite(report)
    assert report["scan"]["modality"] == "CXR"
    assert report["matches"][0]["subject_id"] == "P002"
    assert report["matches"][0]["near_duplicate"] is True
    assert len(report["matches"]) == 3
    assert done.stderr == ""


def test_another_visit_of_an_enrolled_subject(invoke, tmp_path, phantom_gallery):
    """The fixture has three visits of 24 subjects of seed 11; this is the fourth of one of them."""
    path = tmp_path / "scan.png"
    Image.fromarray(phantom_scan("OCT", 4, 3, 11, 160)).save(path)
    done = invoke("check", path, "--gallery", phantom_gallery, "--modality", "OCT", "--json")
    report = json.loads(done.stdout)
    assert not any(match["near_duplicate"] for match in report["matches"])
    assert report["assumptions"]["prior_enrolled"] == 0.5


def test_assumptions_are_taken(invoke, scan, phantom_gallery):
    words = ("check", scan, "--gallery", phantom_gallery, "--modality", "CXR", "--json")
    rare = json.loads(invoke(*words, "--prior-enrolled", "0.001", "--population", "100000").stdout)
    common = json.loads(invoke(*words, "--prior-enrolled", "0.9").stdout)
    assert rare["assumptions"]["prior_enrolled"] == 0.001
    assert rare["assumptions"]["population"] == 100000
    assert rare["matches"][1]["p_same"] < common["matches"][1]["p_same"]


def test_people_get_tables(invoke, scan, phantom_gallery):
    done = invoke("check", scan, "--gallery", phantom_gallery, "--modality", "CXR")
    assert done.exit_code == 0
    for part in ("Nearest identities", "P002", "the same image", "not proof of safety"):
        assert part in done.stdout
    assert "\x1b" not in done.stdout  # no colours where there is no terminal


def test_the_gate(invoke, scan, phantom_gallery):
    words = ("check", scan, "--gallery", phantom_gallery, "--modality", "CXR", "--json")
    level = json.loads(invoke(*words).stdout)["risk"]["level"]
    assert invoke(*words, "--fail-on", "low").exit_code == 1
    assert invoke(*words, "--fail-on", "high").exit_code == (1 if level in ("high", "unknown") else 0)


def test_a_scan_of_no_enrolled_modality_gets_unknown(invoke, scan, phantom_gallery):
    done = invoke("check", scan, "--gallery", phantom_gallery, "--modality", "MR", "--json", "--fail-on", "high")
    report = json.loads(done.stdout)
    assert report["risk"]["level"] == "unknown"
    assert report["caveats"]
    assert done.exit_code == 1


def test_the_wrong_modality_is_not_called_low(invoke, scan, phantom_gallery):
    done = invoke("check", scan, "--gallery", phantom_gallery, "--modality", "OCT", "--json")
    assert json.loads(done.stdout)["risk"]["level"] == "unknown"


def _dicom(path: Path, pixels: np.ndarray, photometric: str) -> pydicom.Dataset:
    from reid_engine.phantom.cohort import Shot
    from reid_engine.phantom.dicom import write_dicom
    from reid_engine.phantom.person import person

    write_dicom(path, pixels / 255.0, Shot(person(11, 1), 3, "CXR", None).row(".dcm"), 11)
    header = pydicom.dcmread(path)
    header.PhotometricInterpretation = photometric
    return header


def _multi_frame(path: Path, pixels: np.ndarray) -> None:
    header = _dicom(path, pixels, "MONOCHROME2")
    header.NumberOfFrames = 2
    header.PixelData = header.PixelData * 2
    header.save_as(path)


def _monochrome1(path: Path, pixels: np.ndarray) -> None:
    _dicom(path, 255 - pixels, "MONOCHROME1").save_as(path)


def _compressed(path: Path, pixels: np.ndarray) -> None:
    header = _dicom(path, pixels, "MONOCHROME2")
    header.compress(pydicom.uid.RLELossless)
    header.save_as(path)


def _rgb(path: Path, pixels: np.ndarray) -> None:
    _dicom(path, np.repeat(pixels[..., None], 3, axis=2), "RGB").save_as(path)


def _png_named_dcm(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path, format="png")


@pytest.mark.parametrize("write", [_multi_frame, _monochrome1, _compressed, _rgb, _png_named_dcm])
def test_scans_of_every_kind_are_checked(invoke, tmp_path, phantom_gallery, write):
    path = tmp_path / "scan.dcm"
    write(path, phantom_scan("CXR", 1, 3, 11, 160))
    done = invoke("check", path, "--gallery", phantom_gallery, "--modality", "CXR", "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["matches"]) == 10
    assert "P002" in [match["subject_id"] for match in report["matches"]]


def _truncated_png(folder: Path) -> Path:
    Image.fromarray(phantom_scan("CXR", 0, 0, 0, 96)).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:3000])
    return folder / "cut.png"


def _truncated_dicom(folder: Path) -> Path:
    path = folder / "cut.dcm"
    _dicom(path, phantom_scan("CXR", 0, 0, 0, 96), "MONOCHROME2")
    path.write_bytes(path.read_bytes()[:9000])
    return path


def _one_pixel(folder: Path) -> Path:
    Image.new("L", (1, 1)).save(folder / "dot.png")
    return folder / "dot.png"


def _nothing_but_nan(folder: Path) -> Path:
    import itk

    picture = itk.image_from_array(np.full((1, 64, 64), np.nan, dtype=np.float32))
    itk.imwrite(picture, str(folder / "nan.nii.gz"))
    return folder / "nan.nii.gz"


def _text(folder: Path) -> Path:
    (folder / "scan.dcm").write_text("this is no image\n" * 50)
    return folder / "scan.dcm"


def _empty_folder(folder: Path) -> Path:
    (folder / "series").mkdir()
    return folder / "series"


@pytest.mark.parametrize(
    "write", [_truncated_png, _truncated_dicom, _one_pixel, _nothing_but_nan, _text, _empty_folder]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_scans_that_are_none_are_refused(invoke, tmp_path, phantom_gallery, write, as_json):
    path = write(tmp_path)
    done = invoke("check", path, "--gallery", phantom_gallery, *(["--json"] if as_json else []))
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert path.name in done.stderr
    assert (json.loads(done.stdout)["error"]["kind"] == "ScanError") if as_json else done.stdout == ""


def test_no_gallery(invoke, refused, scan, tmp_path):
    assert "there is no gallery here" in refused(invoke("check", scan, "--gallery", tmp_path / "none"))


def test_a_damaged_gallery(invoke, refused, scan, phantom_gallery):
    (phantom_gallery / "manifest.json").write_text('{"format": "reid-ga')
    assert "damaged" in refused(invoke("check", scan, "--gallery", phantom_gallery))


def test_a_gallery_that_lost_a_file(invoke, refused, scan, phantom_gallery):
    next(phantom_gallery.glob("*.vectors.npy")).unlink()
    refused(invoke("check", scan, "--gallery", phantom_gallery))


def test_a_gallery_of_another_encoder(invoke, refused, scan, phantom_gallery):
    ledger = json.loads((phantom_gallery / "manifest.json").read_text())
    ledger["encoder"]["fingerprint"] = "0" * 64
    (phantom_gallery / "manifest.json").write_text(json.dumps(ledger))
    assert "made with the encoder" in refused(invoke("check", scan, "--gallery", phantom_gallery))


def test_an_encoder_that_is_not_the_gallerys(invoke, refused, scan, phantom_gallery):
    words = ("check", scan, "--gallery", phantom_gallery, "--encoder")
    assert "made with the encoder reid-lite0" in refused(invoke(*words, "efficientnet-lite2"))
    assert "no-such-net" in refused(invoke(*words, "no-such-net"))


def test_weights_that_are_not_there(invoke, refused, scan, phantom_gallery, tmp_path):
    done = invoke("check", scan, "--gallery", phantom_gallery, "--weights", tmp_path / "none.pth")
    assert "none.pth" in refused(done)


def test_weights_that_would_run_code(invoke, refused, scan, phantom_gallery, tmp_path):
    import pickle

    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Hostile()))
    refused(invoke("check", scan, "--gallery", phantom_gallery, "--weights", tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


def test_a_modality_that_nobody_knows(invoke, refused, scan, phantom_gallery):
    done = invoke("check", scan, "--gallery", phantom_gallery, "--modality", "X-RAY")
    assert "CXR" in refused(done)


def test_a_check_leaves_the_gallery_as_it_was(invoke, scan, phantom_gallery):
    before = {file.name: file.read_bytes() for file in phantom_gallery.iterdir()}
    copy = scan.parent.parent / "elsewhere.png"
    shutil.copy(scan, copy)
    assert invoke("check", copy, "--gallery", phantom_gallery).exit_code == 0
    assert {file.name: file.read_bytes() for file in phantom_gallery.iterdir()} == before


def test_as_people_run_it(run, scan, phantom_gallery):
    done = run("check", scan, "--gallery", phantom_gallery, "--json", env={"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout)["matches"][0]["subject_id"] == "P002"
