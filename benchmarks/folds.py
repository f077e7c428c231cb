"""Mean over folds: rank-1 of encoders that were each trained on four fifths of the subjects and judged on the others.

``reid-engine train`` once for each ``--fold``, ``reid-engine evaluate --unseen`` for each of the encoders, and
``python benchmarks/folds.py REPORT REPORT …`` prints a table for docs/training.md: the mean of the folds' image-level
rank-1 and its 95 % interval from resampling subjects, each of whom is in one report, or in all of them where no
encoder was trained on the set. Encoders whose names differ in their hash alone are one row.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd

from reid_engine.evaluation.confidence import mean_estimate

KEYS = ["dataset", "encoder", "attacker"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path, help="folders that reid-engine evaluate wrote, one a fold")
    given = parser.parse_args()
    queries = pd.concat([read(folder).assign(fold=number) for number, folder in enumerate(given.reports)])
    print("| set | encoder | attacker | folds | subjects | images | rank-1 % |\n|---|---|---|---|---|---|---|")
    for names, rows in queries.groupby(KEYS, dropna=False):
        print(f"| {' | '.join(map(str, names))} | {summary(rows)} |")


def read(folder: Path) -> pd.DataFrame:
    """Give the queries of a report."""
    found = pd.read_csv(folder / "queries.csv", dtype={"subject_id": str})
    found["encoder"] = found["encoder"].map(lambda name: re.sub(r"^trained:(.+)-[0-9a-f]{8}$", r"\1", name))
    return found


def summary(rows: pd.DataFrame) -> str:
    """Give counts and rank-1; every fold has the same weight.

    Raises
    ------
    SystemExit
        Some subjects are in several reports, others are not.
    """
    reports = set(rows.groupby("subject_id")["fold"].nunique())
    if reports not in ({1}, {rows["fold"].nunique()}):
        raise SystemExit("some subjects are in several of the reports: they are not of different folds")
    weights = 1 / rows.groupby("fold")["hit"].transform("size").to_numpy(dtype=np.float64)
    weights *= len(weights) / weights.sum()
    codes = np.unique(rows["subject_id"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    found = mean_estimate(rows["hit"].to_numpy(dtype=np.float64), codes, weights, share=True)
    value, low, high = (100 * each for each in (found.value, found.low, found.high))
    counts = f"{rows['fold'].nunique()} | {codes.max() + 1:,} | {len(rows):,}"
    return f"{counts} | {value:.1f} ({low:.1f}–{high:.1f})"


if __name__ == "__main__":
    main()
