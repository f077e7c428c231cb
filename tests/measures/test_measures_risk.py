"""Risk before and after: what is said is what a check says."""

import json

import numpy as np
import pytest
from PIL import Image

from reid_engine.cohort import read_cohort
from reid_engine.fitting import fit_gallery
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.measures import MEASURES, compare_measures
from reid_engine.phantom import phantom_scan
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan


def test_each_row_is_a_check_of_the_copy(phantom_gallery, encoder, tmp_path):
    path = tmp_path / "scan.png"
    Image.fromarray(phantom_scan("CXR", 4, 3, 11, 160)).save(path)
    scan = read_scan(path, modality="CXR")
    assessor = RiskAssessor(Gallery.open(phantom_gallery, encoder=encoder.identity), encoder)
    before, rows = compare_measures(assessor, scan, prior_enrolled=0.3)
    whole = assessor.assess(scan, prior_enrolled=0.3, top=100).to_json()
    assert before.p_reidentified == whole["risk"]["p_reidentified"]
    subject = whole["risk"]["subject_id"]
    for row in rows:
        report = assessor.assess(row.scan, prior_enrolled=0.3, top=100).to_json()
        own = next(match for match in report["matches"] if match["subject_id"] == subject)
        assert (row.after.level, row.after.p_reidentified) == (
            report["risk"]["level"],
            report["risk"]["p_reidentified"],
        )
        assert row.after.rank_subject == own["rank"]
        if row.after.p_reidentified is not None:
            assert row.after.llr_subject == own["llr"]
            assert row.lowers == (own["llr"] < before.llr_subject - 0.05)
    by_name = {row.measure.name: row for row in rows}
    assert by_name["header-only"].lowers is False
    assert by_name["header-only"].after.llr_subject == before.llr_subject
    assert by_name["header-only"].fidelity.psnr is None
    assert by_name["crop"].fidelity is None
    assert by_name["crop"].kept == pytest.approx(0.64, abs=0.02)


def test_command(phantom_gallery, invoke_command, tmp_path):
    path = tmp_path / "scan.png"
    Image.fromarray(phantom_scan("CFP", 4, 3, 11, 160)).save(path)
    words = ("measures", path, "--gallery", phantom_gallery, "--modality", "CFP")
    before = path.read_bytes()
    done = invoke_command(*words, "--json", "--previews", tmp_path / "previews")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "reid-measures/1"
    names = [row["measure"] for row in document["measures"]]
    assert names == [m.name for m in MEASURES if m.name not in ("marks", "average")]
    assert "undo" in document["caveats"][0]
    assert {one.stem for one in (tmp_path / "previews").iterdir()} == set(names)
    assert path.read_bytes() == before
    table = invoke_command(*words, "--measure", "blur", "--measure", "header-only")
    assert table.exit_code == 0
    assert "not lower" in table.stdout
    assert "optic-disc" not in table.stdout
    refused = invoke_command(*words, "--measure", "prayer")
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_on_real_radiographs(shared_data, encoder, tmp_path):
    """Whatever a measure claims is what was measured; strong ones lower the evidence of nearly every scan."""
    cohort = read_cohort(shared_data / "hannover_cxr")
    gallery = Gallery.create(tmp_path / "gallery", encoder.identity)
    enrol(cohort, gallery, encoder)
    fit_gallery(gallery)
    assessor = RiskAssessor(gallery, encoder)
    assessed = []
    for sample in cohort.samples[:40:4]:
        scan = read_scan(sample.path, modality="CXR")
        changed = {m.name: m.apply(scan) for m in MEASURES if m.name in ("header-only", "blur", "down-sample")}
        reports = {name: assessor.assess(one, top=100).to_json() for name, one in changed.items()}
        assessed.append({name: similarity_to(report, sample.subject_id) for name, report in reports.items()})
    losses = {name: np.array([row["header-only"] - row[name] for row in assessed]) for name in ("blur", "down-sample")}
    assert (losses["down-sample"] > 0).mean() >= 0.9, losses
    assert losses["blur"].mean() > 0, losses


def similarity_to(report, subject):
    """Similarity to the subject's most alike image; the scan itself is enrolled, and its copy resembles it."""
    return next(match["similarity"] for match in report["matches"] if match["subject_id"] == subject)
