"""How strangers are told: distances from galleries, of pictures that are of another kind and of people who are new.

``python benchmarks/strangers.py DATA`` prints a table for docs/method.md. DATA holds the sets below. Of sets that the
encoder was trained on, only people who were not trained on are enrolled or looked at. A distance is in units of the
limit beyond which a scan counts as outside; both are of what was kept beside the embeddings, and of the embeddings.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from reid_engine.basis import fit_basis
from reid_engine.cohort import Cohort, Sample, read_cohort
from reid_engine.domain import fit_domain
from reid_engine.encoder import Encoder, find_spec, load_encoder
from reid_engine.matcher.population import arrange
from reid_engine.probes.fit import fit_bases
from reid_engine.scan import Scan, read_scan
from reid_engine.training.unseen import unseen_part

SETS = {"nih_cxr": "CXR", "kermany_cxr": "CXR", "hannover_cxr": "CXR", "octdl_oct": "OCT", "odir_cfp": "CFP"}
TRAINED = {"nih_cxr": "reid-cxr", "kermany_cxr": "reid-cxr", "octdl_oct": "reid-oct"}
PHOTOS = ("astronaut", "brick", "camera", "cat", "coffee", "coins", "grass", "gravel", "moon", "page", "rocket", "text")
ENROLLED, NEW, OTHERS = 300, 60, 12

Floats = NDArray[np.float32]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the sets")
    given = parser.parse_args()
    encoder = load_encoder()
    cohorts = {name: unseen(given.data, name) for name in SETS}
    strangers = [*photographs(), *made_up(), read_scan(get_testdata_file("CT_small.dcm"))]
    strangers.append(read_scan(min((given.data / "openms_mr").glob("*.nii.gz"))))
    print("| gallery | people, images | strangers | nearest by embedding | by appearance | new | of them outside |")
    print("|---|---|---|---|---|---|---|")
    for name, modality in SETS.items():
        others = [one for other, kind in SETS.items() if kind != modality for one in cohorts[other].samples[:OTHERS]]
        odd = [replace(one, modality=modality, facts={}) for one in strangers]
        odd += [read_scan(one.path, modality=modality) for one in others]
        print(row(name, cohorts[name], take_in(encoder, odd), encoder), flush=True)


def unseen(data: Path, name: str) -> Cohort:
    """Give a set without the people that the encoder was trained on."""
    cohort = read_cohort(data / name)
    if name not in TRAINED:
        return cohort
    whole = read_cohort(data) if TRAINED[name] == "reid-cxr" else cohort
    if TRAINED[name] == "reid-cxr":
        whole = whole.where({"dataset": ("nih_cxr", "kermany_cxr")})
    people = {one.subject_id for one in unseen_part(whole, find_spec(TRAINED[name])).samples}
    return Cohort(cohort.root, tuple(one for one in cohort.samples if one.subject_id in people))


def photographs() -> list[Scan]:
    """Give pictures of everyday things, colour ones in grey as well."""
    pictures = [np.asarray(getattr(skimage.data, name)()) for name in PHOTOS]
    grey = [np.rint(picture.mean(axis=2)).astype(np.uint8) for picture in pictures if picture.ndim == 3]
    return [scan(picture) for picture in [*pictures, *grey]]


def made_up() -> list[Scan]:
    """Give noise and a ramp."""
    rng = np.random.default_rng(0)
    even = rng.integers(0, 256, (300, 300), dtype=np.uint8)
    normal = np.clip(rng.normal(128, 40, (300, 300)), 0, 255).astype(np.uint8)
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    return [scan(one) for one in (even, normal, ramp)]


def scan(picture: NDArray[np.uint8]) -> Scan:
    """Give a picture as a scan."""
    return Scan(values=picture[None].astype(np.float32) / 255)


def take_in(encoder: Encoder, scans: Sequence[Scan]) -> Floats:
    """Give what the encoder keeps of scans, (N, D + A)."""
    return np.stack([encoder.take_in(one) for one in scans])


def row(name: str, cohort: Cohort, strangers: Floats, encoder: Encoder) -> str:
    """Give a line of the table: two thirds of the people are enrolled, the others are new."""
    modality, people = SETS[name], list(dict.fromkeys(one.subject_id for one in cohort.samples))
    members = set(people[: len(people) * 2 // 3])
    enrolled = [one for one in cohort.samples if one.subject_id in members][:ENROLLED]
    new = [one for one in cohort.samples if one.subject_id not in members][:NEW]
    seen, fresh = (take_in(encoder, [read(one, modality) for one in part]) for part in (enrolled, new))
    subjects = np.array([one.subject_id for one in enrolled], dtype=object)
    population = arrange(subjects, np.full(len(subjects), None, dtype=object), None, np.arange(len(subjects)))
    told = []
    for part in (slice(0, encoder.dim), slice(encoder.dim, None)):
        vectors = seen[population.rows, part]
        bases = fit_bases(vectors, population.image_folds)
        domain = fit_domain(vectors, population.codes, population.image_folds, bases, fit_basis(vectors))
        if domain is None:
            raise SystemExit(f"{name}: too few people")
        told.append([np.array([domain.distance(one[part]) for one in group]) for group in (strangers, fresh)])
    by_embedding, by_appearance = told
    outside, count = int((by_appearance[1] > 1).sum()), len(members & set(subjects))
    return (
        f"| {name} | {count}, {len(enrolled)} | {len(strangers)} | {by_embedding[0].min():.2f} | "
        f"{by_appearance[0].min():.2f} | {len(new)} | {outside} |"
    )


def read(sample: Sample, modality: str) -> Scan:
    """Read an image."""
    return read_scan(sample.path, modality=modality)


if __name__ == "__main__":
    main()
