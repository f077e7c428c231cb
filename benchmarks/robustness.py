"""How far changes to a scan protect it: rank-1 when the scan that is looked for was changed, and the gallery was not.

``python benchmarks/robustness.py COHORT --encoder NAME [--unseen] [--where COLUMN=VALUE]`` prints a table for
docs/training.md. Every image whose subject has another one looks for it among all the others, by cosine on features
less the gallery's mean; an interval is of 95 % over subjects. Nothing is fitted.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_engine.cli.options import read_where
from reid_engine.cohort import Cohort, read_cohort
from reid_engine.encoder import DEFAULT_ENCODER, Encoder, find_spec, load_encoder
from reid_engine.evaluation.confidence import mean_estimate
from reid_engine.measures.measure import each_slice
from reid_engine.measures.painting import paint_marks
from reid_engine.scan import Scan, read_scan
from reid_engine.training.unseen import unseen_part

Picture = NDArray[Any]
BATCH = 32


def changes(modality: str) -> dict[str, Callable[[Picture], Picture]]:
    """Give what is done to the 8-bit picture (H, W) or (H, W, 3) that is looked for, of this modality."""
    sizes = {f"{size} px": lambda picture, size=size: _resize(picture, size) for size in (128, 160, 224, 512)}
    jpegs = {f"JPEG, quality {q}": lambda picture, q=q: _recompress(picture, q) for q in (50, 20)}
    paint = each_slice(paint_marks)
    marks = {"markers painted out": lambda picture: _eight_bit(paint(picture[None] / np.float32(255), modality)[0])}
    return {"unchanged": lambda picture: picture, **sizes, **jpegs, **marks, "a quarter masked": _mask}


def _resize(picture: Picture, size: int) -> Picture:
    image = Image.fromarray(picture)
    factor = size / max(image.size)
    sides = [max(1, round(side * factor)) for side in image.size]
    return np.asarray(image.resize((sides[0], sides[1]), Image.Resampling.LANCZOS))


def _recompress(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _mask(picture: Picture) -> Picture:
    """Black out one quarter; which, the picture's own pixels decide."""
    out = picture.copy()
    half_height, half_width = picture.shape[0] // 2, picture.shape[1] // 2
    quarter = int(picture.sum()) % 4
    rows = slice(0, half_height) if quarter < 2 else slice(half_height, None)
    columns = slice(0, half_width) if quarter % 2 else slice(half_width, None)
    out[rows, columns] = 0
    return out


def _eight_bit(values: Picture) -> Picture:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def measure(cohort: Cohort, encoder: Encoder) -> list[dict[str, Any]]:
    """Give a row a change: rank-1, its interval, and how many images looked."""
    scans = [read_scan(sample.path, modality=sample.modality) for sample in cohort.samples]
    subjects = np.unique([sample.subject_id for sample in cohort.samples], return_inverse=True)[1]
    groups = np.unique([f"{s.modality} {s.attributes.get('dataset')}" for s in cohort.samples], return_inverse=True)[1]
    gallery = encoder.embed_many(scans, BATCH)
    rows = []
    for name in changes(""):
        looked_for = encoder.embed_many([_changed(scan, changes(scan.modality)[name]) for scan in scans], BATCH)
        hits, codes = _look(looked_for, gallery, subjects, groups)
        estimate = mean_estimate(hits, codes, share=True)
        found = {"rank_1": estimate.value, "ci95": [estimate.low, estimate.high]}
        rows.append({"change": name, "images": len(hits), "subjects": len(np.unique(codes)), **found})
    return rows


def _changed(scan: Scan, change: Callable[[Picture], Picture]) -> Scan:
    from dataclasses import replace

    return replace(scan, values=np.stack([change(scan.eight_bit(number)) for number in range(scan.shape[0])]))


def _look(
    looked_for: Picture, gallery: Picture, subjects: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    hits, codes = [], []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        mean = gallery[rows].mean(axis=0)
        ours, theirs = (_unit(vectors[rows] - mean) for vectors in (looked_for, gallery))
        alike = ours @ theirs.T
        np.fill_diagonal(alike, -np.inf)
        own = subjects[rows]
        counts = (own[:, None] == own).sum(axis=1) > 1
        hits.append((own[alike.argmax(axis=1)] == own)[counts].astype(np.float64))
        codes.append(own[counts])
    return np.concatenate(hits), np.concatenate(codes)


def _unit(vectors: Picture) -> Picture:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main() -> None:
    """Measure one encoder or several, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--encoder", action="append", help="may be given several times")
    parser.add_argument("--unseen", metavar="NAME", help="only subjects that this trained encoder has not seen")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    given = parser.parse_args()
    cohort = read_cohort(given.cohort)
    conditions = read_where(given.where)
    if conditions:
        cohort = cohort.where(conditions)
    if given.unseen:
        cohort = unseen_part(cohort, find_spec(given.unseen))
    results = {name: measure(cohort, load_encoder(name)) for name in given.encoder or [DEFAULT_ENCODER]}
    if given.json:
        print(json.dumps(results))
        return
    first = next(iter(results.values()))
    print(
        f"Rank-1 in per cent of {first[0]['images']} images of {first[0]['subjects']} subjects (95 % over subjects)\n"
    )
    print("| the image looked for | " + " | ".join(f"`{name}`" for name in results) + " |")
    print("|---" * (len(results) + 1) + "|")
    for number, row in enumerate(first):
        cells = [_cell(table[number]) for table in results.values()]
        print(f"| {row['change']} | " + " | ".join(cells) + " |")


def _cell(row: dict[str, Any]) -> str:
    low, high = row["ci95"]
    return f"{100 * row['rank_1']:.1f} ({100 * low:.1f}–{100 * high:.1f})"


if __name__ == "__main__":
    main()
