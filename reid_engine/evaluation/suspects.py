"""Subject ids that may be wrong: one that looks like two people, two that look like one. For review, not a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_engine.evaluation.harvest import Harvest, harvest
from reid_engine.evaluation.outliers import FALSE_SHARE, FEWEST_VALUES, MOST_IN_TAIL, stand_out
from reid_engine.evaluation.splits import split
from reid_engine.matcher.calibration import PairTables
from reid_engine.matcher.comparisons import Blocks
from reid_engine.matcher.population import Ints, Population

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

TWO = "subject looks like two"
ONE = "two subjects look like one"

MOST_LISTED = 50
"""Groups of one kind that are listed, the strongest first."""


@dataclass(frozen=True)
class Suspects:
    """What should be looked at.

    Attributes
    ----------
    groups
        Rows of the report's `audit`, the strongest of a kind first.
    notes
        One row for each kind, whether or not anything is listed: ``audited`` is how many pairs of images or subjects
        were looked at (None where the kind could not be audited), ``found`` how many groups stand out, and ``note``
        says both in words.
    """

    groups: Sequence[Row]
    notes: Sequence[Row]


def audit_subjects(
    table: "pd.DataFrame", population: Population, blocks: Blocks, tables: PairTables | None, reason: str | None = None
) -> Suspects:
    """Look for subject ids that the images speak against.

    Both kinds are exceptions from a trend (`outliers`), not mere high or low similarities, and only where the
    calibrated likelihood ratio speaks for the same. A posterior with a prior of one in all pairs would name nothing: a
    calibrated ratio is never above what so many pairs bear out.

    Parameters
    ----------
    table
        ``(N,)`` rows in the population's order, with ``sample_id``, ``subject_id``, ``modality`` and ``laterality``.
    population
        The images; near-duplicates of different subjects are `audit`'s, and left out.
    blocks
        Similarities by a back-end that uses no identities: those that are in doubt must not have trained it.
    tables
        Calibrations of these similarities that saw neither subject's fold; None where there are none.
    reason
        Why there are none, as a part of a sentence.
    """
    modality = str(table["modality"].iloc[0])
    if tables is None:
        why = f"not audited: {reason or 'there is no calibration'}"
        return Suspects([], [_note(kind, modality, None, 0, why) for kind in (TWO, ONE)])
    found = harvest(population, blocks, MOST_IN_TAIL + 1)
    parts = [_look_like_two(table, population, found, tables), _look_like_one(table, population, found, tables)]
    return Suspects([row for rows, _ in parts for row in rows], [note for _, note in parts])


def _look_like_two(
    table: "pd.DataFrame", population: Population, found: Harvest, tables: PairTables
) -> tuple[list[Row], Row]:
    """Images of one subject that fall into two groups."""
    unit = _units(table, population)
    splits = split(found.own, unit)
    audited = _Audited(TWO, str(table["modality"].iloc[0]), len(splits.units), "subjects with three images or more")
    order = np.argsort(splits.across, kind="stable")
    outliers = stand_out(-splits.across[order], audited.total)
    members = [np.flatnonzero(unit == splits.units[place]) for place in order[: outliers.count]]
    rows = []
    for rank, (place, images) in enumerate(zip(order, members, strict=False)):
        fold = population.image_folds[images[:1]]
        tie, hold = (float(tables.llr(fold, held[place : place + 1], fold)[0]) for held in (splits.tie, splits.hold))
        if tie < 0 < hold:
            images = images[np.argsort(-splits.apart[images], kind="stable")]
            apart = int(np.count_nonzero(splits.apart[images] == 1))
            note = (
                f"the first {apart} of these {len(images)} images against the others: log10 likelihood ratio "
                f"{tie:.1f} at the closest; {outliers.expected[rank]:.2g} so unlike expected by chance"
            )
            rows.append(_row(TWO, table, images, float(splits.across[place]), note))
    return rows[:MOST_LISTED], audited.note(len(rows))


def _units(table: "pd.DataFrame", population: Population) -> Ints:
    """``(N,)`` number of each image's subject and, where known, side: one person's two eyes need not be alike."""
    import pandas as pd

    side, sides = pd.factorize(table["laterality"].to_numpy(dtype=object), use_na_sentinel=True)
    both = population.codes * (len(sides) + 1) + side + 1
    units: Ints = np.unique(both, return_inverse=True)[1].astype(np.int64)
    return units


def _look_like_one(
    table: "pd.DataFrame", population: Population, found: Harvest, tables: PairTables
) -> tuple[list[Row], Row]:
    """Pairs of subjects with images that are as alike as one person's."""
    pairs, folds, codes = found.strangers, population.image_folds, population.codes
    audited = _Audited(ONE, str(table["modality"].iloc[0]), found.compared, "pairs of images of different subjects")
    alike = pairs.similarity.astype(np.float64)
    outliers = stand_out(alike, audited.total, codes[pairs.first] * len(population.subjects) + codes[pairs.second])
    named = slice(outliers.count)
    first, second = pairs.first[named], pairs.second[named]
    llr = tables.llr(folds[first], alike[named], folds[second])
    couples: dict[tuple[int, int], list[int]] = {}
    for place in np.flatnonzero(llr > 0).tolist():
        couples.setdefault((int(codes[first[place]]), int(codes[second[place]])), []).append(place)
    rows = []
    for places in list(couples.values())[:MOST_LISTED]:
        best, noun = places[0], "pair" if len(places) == 1 else "pairs"
        note = (
            f"{len(places)} {noun} of images as alike as one person's: log10 likelihood ratio {llr[best]:.1f} at the "
            f"closest; {outliers.expected[best]:.2g} so alike expected by chance"
        )
        images = np.unique(np.concatenate([first[places], second[places]]))
        rows.append(_row(ONE, table, images, float(alike[best]), note))
    return rows, audited.note(len(couples))


@dataclass(frozen=True)
class _Audited:
    """How many of what were looked at for one kind."""

    kind: str
    modality: str
    total: int
    what: str

    def note(self, found: int) -> Row:
        """Say what was found."""
        if self.total < FEWEST_VALUES:
            return _note(self.kind, self.modality, None, 0, self._shortage())
        text = (
            f"{found:,} found among {self.total:,} {self.what}" if found else f"none among {self.total:,} {self.what}"
        )
        if found:
            text += f"; about one in {round(1 / FALSE_SHARE)} may be false"
        if found > MOST_LISTED:
            text += f"; the strongest {MOST_LISTED} are listed"
        return _note(self.kind, self.modality, self.total, found, text)

    def _shortage(self) -> str:
        return f"not audited: it takes {FEWEST_VALUES} {self.what}, and there are {self.total}"


def _note(kind: str, modality: str, audited: int | None, found: int, note: str) -> Row:
    return {"kind": kind, "modality": modality, "audited": audited, "found": found, "note": note}


def _row(kind: str, table: "pd.DataFrame", images: Ints, similarity: float, note: str) -> Row:
    members = table.iloc[images]
    return {
        "kind": kind,
        "modality": str(members["modality"].iloc[0]),
        "sample_ids": members["sample_id"].tolist(),
        "subject_ids": members["subject_id"].tolist(),
        "similarity": similarity,
        "note": note,
    }
