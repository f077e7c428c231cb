"""What encoders of several folds find by what they look at, and what choosing that on the same subjects flatters.

``reid-engine train`` once for each ``--fold``, and ``python benchmarks/looks.py COHORT FOLDER FOLDER …`` prints a table
for docs/training.md: image-level rank-1 of the subjects that each encoder has not seen, mean over the folds, for every
way to lay the parts of a long picture, with and without its whole. The last two rows allow for the choice: what is
best on the other folds is judged on each fold in turn, and what is best on the first fold on all of them.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.cohort import Cohort, read_cohort
from reid_engine.encoder import find_spec
from reid_engine.encoder.model import load_spec
from reid_engine.evaluation.confidence import mean_estimate
from reid_engine.matcher.comparisons import score_blocks
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.population import arrange
from reid_engine.scan import read_scan
from reid_engine.training.unseen import unseen_part

ATTACKERS = ("cosine", "whitened")
BATCH = 32

Hits = Mapping[str, Sequence[NDArray[np.float64]]]
"""For each look, the hits (Q,) of every fold's queries."""


def looks() -> dict[str, dict[str, Any]]:
    """Give what parts of the recipe are for each look."""
    return {
        f"parts a step of {step:g}{', and the whole' if whole else ''}": {"tile_step": step, "whole": whole}
        for step in (1.0, 0.75, 0.5, 0.25)
        for whole in (True, False)
    }


def measure(cohort: Cohort, folder: str) -> dict[str, Any]:
    """Give the hits of one fold by attacker and look, and their queries' subjects; all pairs count."""
    spec = find_spec(folder)
    part = unseen_part(cohort, spec)
    if spec.recipe is None or len({sample.modality for sample in part.samples}) != 1:
        raise SystemExit(f"{folder}: is no trained encoder, or the cohort has no modality, or several")
    ids = np.array([sample.subject_id for sample in part.samples], dtype=object)
    population = arrange(ids, np.full(len(ids), None, dtype=object), None, np.arange(len(ids)))
    scans = [read_scan(sample.path, modality=sample.modality) for sample in part.samples]
    hits: dict[str, dict[str, list[float]]] = {attacker: {} for attacker in ATTACKERS}
    codes: list[int] = []
    for name, change in looks().items():
        vectors = load_spec(replace(spec, recipe=replace(spec.recipe, **change))).embed_many(scans, BATCH)
        for attacker in ATTACKERS:
            blocks = CrossFitted(attacker, vectors[population.rows], population)
            found = [(block, hit) for block, _, hit in score_blocks(population, blocks, "any")]
            hits[attacker][name] = np.concatenate([hit for _, hit in found]).astype(np.float64).tolist()
            codes = population.codes[np.concatenate([block for block, _ in found])].tolist()
    return {"hits": hits, "codes": codes}


def nested(hits: Hits) -> list[str]:
    """Choose for each fold the look that is best on the others; of equals, the first."""
    folds = range(len(next(iter(hits.values()))))
    return [_best(hits, [other for other in folds if other != fold]) for fold in folds]


def _best(hits: Hits, folds: Sequence[int]) -> str:
    return max(hits, key=lambda name: np.mean([hits[name][fold].mean() for fold in folds]))


def summary(hits: Hits, chosen: Sequence[str], codes: Sequence[NDArray[np.int64]]) -> str:
    """Give rank-1, the mean over folds, of a look for each fold, with its interval over subjects."""
    of_folds = [hits[name][fold] for fold, name in enumerate(chosen)]
    weights = np.concatenate([np.full(len(one), 1 / len(one)) for one in of_folds])
    weights *= len(weights) / weights.sum()
    starts = np.cumsum([0, *(own.max() + 1 for own in codes)])
    subjects = np.concatenate([own + start for own, start in zip(codes, starts, strict=False)])
    found = mean_estimate(np.concatenate(of_folds), subjects, weights, share=True)
    value, low, high = (100 * each for each in (found.value, found.low, found.high))
    return f"{value:.1f} ({low:.1f}–{high:.1f})"


def rows(measured: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Give the table's rows: a look and its rank-1 for each attacker."""
    codes = [np.asarray(one["codes"], dtype=np.int64) for one in measured]
    by_attacker: dict[str, Hits] = {
        attacker: {name: [np.asarray(one["hits"][attacker][name]) for one in measured] for name in looks()}
        for attacker in ATTACKERS
    }
    folds = len(measured)
    choices = {name: dict.fromkeys(ATTACKERS, [name] * folds) for name in looks()}
    choices["the best on the other folds"] = {each: nested(hits) for each, hits in by_attacker.items()}
    choices["the best on the first fold"] = {each: [_best(hits, [0])] * folds for each, hits in by_attacker.items()}
    return [
        [label, *(summary(by_attacker[each], chosen[each], codes) for each in ATTACKERS)]
        for label, chosen in choices.items()
    ]


def main() -> None:
    """Measure every look and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("encoders", nargs="+", help="folders that reid-engine train wrote, one a fold, the first first")
    given = parser.parse_args()
    cohort = read_cohort(given.cohort)
    measured = [measure(cohort, folder) for folder in given.encoders]
    print("| what is looked at | " + " | ".join(ATTACKERS) + " |\n|---|---|---|")
    for cells in rows(measured):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
