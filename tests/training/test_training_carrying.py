"""What a trained encoder takes along: PLDA of people it did not learn from, and which images it did learn from."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from reid_engine.carried import carried_by, carried_plda, learnt_images
from reid_engine.cohort import read_cohort
from reid_engine.encoder import find_spec, load_encoder
from reid_engine.encoder.model import load_spec
from reid_engine.encoder.trained import LEARNT_NAME, PLDA_NAME
from reid_engine.errors import EncoderError
from reid_engine.evaluation import evaluate
from reid_engine.fitting import fit_gallery, load_attack
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import write_phantom_cohort
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan
from reid_engine.training.split import split_subjects

SUBJECTS = 180
"""Two fifths are not learnt from, 70 of them at least."""


def cohort_in(folder, **wanted):
    write_phantom_cohort(folder, modalities=("CXR",), size=64, **wanted)
    return read_cohort(folder)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return cohort_in(tmp_path_factory.mktemp("many"), subjects=SUBJECTS, sessions=2, seed=5)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Fewer people than PLDA of their own takes."""
    return cohort_in(tmp_path_factory.mktemp("others"), subjects=12, sessions=3, seed=6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cohort):
    from reid_engine.training.run import train
    from reid_engine.training.settings import TrainingSettings

    settings = TrainingSettings(epochs=1, subjects=4, images=2)
    out = tmp_path_factory.mktemp("trained") / "encoder"
    return train(cohort, find_spec("efficientnet-lite0"), out, settings, name="small", size=64)


@pytest.fixture(scope="module")
def parts(cohort):
    """Samples that were learnt from, and those that were not."""
    names = [sample.subject_id for sample in cohort.samples]
    split = split_subjects(names, ["CXR"] * len(names))
    seen, unseen = split.training, np.concatenate([split.choosing, split.judging])
    return [replace(cohort, samples=tuple(cohort.samples[row] for row in rows)) for rows in (seen, unseen)]


def digests_of(part):
    return [read_scan(sample.path, modality="CXR").pixel_digest for sample in part.samples]


def gallery_in(folder, part, encoder):
    gallery = Gallery.create(folder, encoder.identity)
    enrol(part, gallery, encoder)
    fit_gallery(gallery)
    return gallery


def rank_1_row(report, attacker):
    return next(
        row for row in report.results
        if (row["attacker"], row["metric"], row["stratum"], row["kind"]) == (attacker, "rank-1", "all", "encoder")
    )  # fmt: skip


def test_the_folder_says_which_images_were_learnt_from(trained, parts):
    seen, unseen = map(digests_of, parts)
    assert learnt_images(trained.spec, "CXR", seen).all()
    assert not learnt_images(trained.spec, "CXR", unseen).any()


def test_plda_is_fitted_on_the_people_who_were_not_learnt_from(trained, parts):
    seen, unseen = map(digests_of, parts)
    found = carried_plda(trained.spec, "CXR")
    assert found.knows(unseen).all()
    assert not found.knows(seen).any()
    assert (found.subjects, found.images) == (72, 144)
    assert trained.card["plda"] == {"CXR": {"subjects": 72, "images": 144}}
    folder = trained.spec.source.path.parent
    assert "72 subjects with 144 images (CXR)" in (folder / "model_card.md").read_text()
    assert carried_plda(trained.spec, "OCT") is None
    assert carried_plda(find_spec("efficientnet-lite0"), "CXR") is None


def test_a_gallery_of_few_others_is_measured_with_it(trained, others, tmp_path):
    encoder = load_encoder(str(trained.spec.source.path.parent))
    gallery = gallery_in(tmp_path / "few", others, encoder)
    told = load_attack(gallery, "CXR").facts["rank_1"]["plda"]
    assert told["value"] is not None
    assert "144 images of 72 other subjects" in told["note"]


def test_not_one_that_holds_an_image_it_was_fitted_on(trained, parts, tmp_path):
    _, unseen = parts
    few = replace(unseen, samples=unseen.samples[:16])
    gallery = gallery_in(tmp_path / "known", few, load_encoder(str(trained.spec.source.path.parent)))
    told = load_attack(gallery, "CXR").facts["rank_1"]["plda"]
    assert told["value"] is None
    assert "20 are needed" in told["note"]


def test_not_with_other_weights(trained):
    encoder = load_encoder(str(trained.spec.source.path.parent))
    assert carried_by(encoder.identity, "CXR") is not None
    assert carried_by(replace(encoder.identity, fingerprint="0" * 64), "CXR") is None
    assert carried_by(replace(encoder.identity, name="trained:gone-00000000"), "CXR") is None
    elsewhere = load_spec(trained.spec, weights=find_spec("efficientnet-lite0").source.locate())
    assert carried_plda(elsewhere.spec, "CXR") is None
    assert carried_by(elsewhere.identity, "CXR") is None


def test_an_evaluation_of_few_others_says_whose_identities_were_learnt(trained, others, tmp_path):
    report = evaluate(others, load_encoder(str(trained.spec.source.path.parent)), store=tmp_path)
    row = rank_1_row(report, "plda")
    assert row["value"] is not None
    assert "144 images of 72 other subjects" in row["note"]
    assert rank_1_row(report, "cosine")["note"] is None


def test_a_check_against_people_whom_the_encoder_learnt_from_says_so(trained, cohort, parts, others, tmp_path):
    encoder = load_encoder(str(trained.spec.source.path.parent))
    scan = read_scan(cohort.samples[0].path, modality="CXR")
    for name, part, said in (("all", cohort, True), ("others", others, False)):
        assessor = RiskAssessor(gallery_in(tmp_path / name, part, encoder), encoder)
        found = " ".join(assessor.assess(scan).to_json()["caveats"])
        told = f"learnt from {len(parts[0].samples)} of the {len(cohort.samples)} enrolled CXR images"
        assert (told in found) == said
        assert ("learnt from" in found) == said


def test_an_evaluation_warns_of_people_whom_the_encoder_learnt_from(trained, cohort, parts, tmp_path):
    encoder = load_encoder(str(trained.spec.source.path.parent))
    report = evaluate(cohort, encoder, store=tmp_path / "all")
    for attacker in ("cosine", "whitened"):
        assert (
            f"learnt from {len(parts[0].samples)} of these {len(cohort.samples)} images"
            in (rank_1_row(report, attacker)["note"])
        )
    few = replace(parts[1], samples=parts[1].samples[:30])
    unseen = evaluate(few, encoder, store=tmp_path / "unseen")
    assert rank_1_row(unseen, "cosine")["note"] is None
    assert rank_1_row(unseen, "plda")["value"] is None, "it was fitted on these people"


@pytest.mark.parametrize("name", [PLDA_NAME, LEARNT_NAME])
def test_a_damaged_file_is_named(trained, tmp_path, name):
    for path in trained.spec.source.path.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:50])
    spec = find_spec(str(tmp_path))
    with pytest.raises(EncoderError, match=name):
        carried_plda(spec, "CXR")
        learnt_images(spec, "CXR", ["0" * 64])


def test_plda_of_other_features_is_refused(trained, tmp_path):
    for path in trained.spec.source.path.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    arrays = load_file(tmp_path / PLDA_NAME)
    save_file({**arrays, "CXR.projection": arrays["CXR.projection"][:640].copy()}, tmp_path / PLDA_NAME)
    with pytest.raises(EncoderError, match=PLDA_NAME):
        carried_plda(find_spec(str(tmp_path)), "CXR")


def test_the_card_names_no_image(trained, cohort):
    said = json.dumps(trained.card)
    assert not any(digest[:15] in said for digest in digests_of(cohort)[:5])
