"""A phantom cohort on disk: its manifest, its DICOM form, and what is planted in it."""

import numpy as np
import pydicom
import pytest
from PIL import Image

from reid_engine.cohort import COLUMNS, read_cohort
from reid_engine.phantom import phantom_scan, write_phantom_cohort
from reid_engine.scan import read_scan


def test_one_image_for_each_subject_session_and_modality(tmp_path):
    manifest = write_phantom_cohort(tmp_path, subjects=3, sessions=2, size=64)
    cohort = read_cohort(manifest)
    assert manifest == tmp_path / "manifest.csv"
    assert len(cohort.samples) == 3 * 2 * 3
    assert len({s.sample_id for s in cohort.samples}) == 18
    assert {s.subject_id for s in cohort.samples} == {"P001", "P002", "P003"}
    assert {s.modality for s in cohort.samples} == {"CFP", "OCT", "CXR"}
    assert all(s.laterality in ("L", "R") for s in cohort.samples if s.modality != "CXR")
    assert manifest.read_text().splitlines()[0] == ",".join(COLUMNS)


def test_files_hold_what_phantom_scan_paints(tmp_path):
    write_phantom_cohort(tmp_path, subjects=1, sessions=1, size=64, seed=4)
    pixels = np.asarray(Image.open(next(tmp_path.glob("cxr_*.png"))))
    assert np.array_equal(pixels, phantom_scan("CXR", 0, 0, 4, 64))


def test_a_subject_is_the_same_in_a_larger_cohort(tmp_path):
    write_phantom_cohort(tmp_path / "small", subjects=1, sessions=1, modalities=("OCT",), size=64)
    write_phantom_cohort(tmp_path / "large", subjects=2, sessions=2, size=64)
    for file in (tmp_path / "small").glob("*.png"):
        assert file.read_bytes() == (tmp_path / "large" / file.name).read_bytes()
    small, large = ((tmp_path / name / "manifest.csv").read_text().splitlines()[1:] for name in ("small", "large"))
    assert set(small) <= set(large)


def test_both_eyes_on_request(tmp_path):
    cohort = read_cohort(write_phantom_cohort(tmp_path, subjects=1, sessions=1, size=64, both_eyes=True))
    sides = sorted((s.modality, s.laterality) for s in cohort.samples if s.modality != "CXR")
    assert sides == [("CFP", "L"), ("CFP", "R"), ("OCT", "L"), ("OCT", "R")]


def test_dicom_headers_and_pixels(tmp_path):
    assert write_phantom_cohort(tmp_path, subjects=1, sessions=1, size=64, format="dicom") == tmp_path
    files = {f.name[:3]: pydicom.dcmread(f) for f in tmp_path.glob("*.dcm")}
    assert not (tmp_path / "manifest.csv").exists()
    cxr, cfp, oct_scan = files["cxr"], files["cfp"], files["oct"]
    assert (cxr.BitsAllocated, cxr.PhotometricInterpretation, cxr.Modality) == (16, "MONOCHROME2", "DX")
    assert (cfp.SamplesPerPixel, cfp.PhotometricInterpretation, cfp.Modality) == (3, "RGB", "OP")
    assert (oct_scan.Modality, oct_scan.ImageLaterality) == ("OPT", cfp.ImageLaterality)
    assert cxr.StudyInstanceUID == cfp.StudyInstanceUID
    assert len({d.SOPInstanceUID for d in files.values()}) == 3
    assert np.array_equal(cfp.pixel_array, phantom_scan("CFP", 0, 0, 0, 64))
    grey = np.rint(cxr.pixel_array / 4095 * 255)
    assert np.abs(grey - phantom_scan("CXR", 0, 0, 0, 64)).max() <= 1
    assert cxr.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def test_dicom_is_read_as_the_png_is(tmp_path):
    write_phantom_cohort(tmp_path / "png", subjects=1, sessions=1, size=64)
    write_phantom_cohort(tmp_path / "dcm", subjects=1, sessions=1, size=64, format="dicom")
    for file in (tmp_path / "png").glob("*.png"):
        dicom = read_scan(tmp_path / "dcm" / f"{file.stem}.dcm")
        assert dicom.modality == file.name[:3].upper()
        assert dicom.pixels == pytest.approx(read_scan(file).pixels, abs=1.5 / 255)


def test_a_dicom_cohort_has_the_manifests_facts(tmp_path):
    named = read_cohort(write_phantom_cohort(tmp_path / "png", subjects=2, sessions=2, size=64))
    write_phantom_cohort(tmp_path / "dcm", subjects=2, sessions=2, size=64, format="dicom")
    headers = read_cohort(tmp_path / "dcm", key=b"k" * 32)
    facts = ("modality", "laterality", "sex", "acquired")
    assert sorted(tuple(str(getattr(s, f)) for f in facts) for s in headers.samples) == sorted(
        tuple(str(getattr(s, f)) for f in facts) for s in named.samples
    )
    assert len({s.subject_id for s in headers.samples}) == 2
    assert not any("P00" in s.subject_id for s in headers.samples)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="format"):
        write_phantom_cohort(tmp_path, format="gif")


@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR"])
def test_identity_is_planted_and_hidden(modality):
    """An encoder that knows natural images alone finds a subject's other visits far more often than chance, and not always."""
    from reid_engine.encoder import IMAGENET_ENCODER, load_encoder

    people, visits = 24, 3
    encoder = load_encoder(IMAGENET_ENCODER)
    vectors = encoder.embed_many(
        [_scan(modality, k, visit) for k in range(people) for visit in range(visits)], batch_size=16
    )
    ids = np.repeat(np.arange(people), visits)
    centred = vectors - vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    similarity = centred @ centred.T
    np.fill_diagonal(similarity, -np.inf)
    rank1 = float((ids[similarity.argmax(axis=1)] == ids).mean())
    assert 0.35 <= rank1 <= 0.95  # chance is 2 / 71


def _scan(modality: str, subject: int, visit: int):
    from reid_engine.scan import Scan

    pixels = np.ascontiguousarray(phantom_scan(modality, subject, visit, 0, 192)[None].astype(np.float32) / 255)
    return Scan(
        values=pixels,
        modality=modality,
        modality_source="caller",
        modality_confidence=1.0,
        laterality=None,
        view=None,
        spacing=None,
        facts={},
        file_digest="",
        pixel_digest="",
    )


def test_sex_is_planted_with_overlap():
    """A trait read off the pixels directly tells the sexes apart better than chance, not perfectly."""

    def breadth(subject: int) -> float:
        """Brightness of the lower lung fields against the upper ones, where breast tissue lies."""
        pixels = phantom_scan("CXR", subject, 0, 0, 64).astype(float)
        lower = np.concatenate([pixels[36:44, 12:22].ravel(), pixels[36:44, 42:52].ravel()])
        upper = np.concatenate([pixels[16:24, 14:22].ravel(), pixels[16:24, 42:50].ravel()])
        return float(lower.mean() - upper.mean())

    from reid_engine.phantom.person import person

    values = np.array([breadth(k) for k in range(80)])
    women = np.array([person(0, k).sex == "F" for k in range(80)])
    auc = (values[women][:, None] > values[~women][None]).mean()
    assert 0.6 < auc < 0.98
