"""Strata: which images of the query's own subject count, and which strangers it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.duplicates import NEAR_DUPLICATE_SIMILARITY
from reid_engine.matcher.population import Ints, Population, Sessions

if TYPE_CHECKING:
    import pandas as pd

Relation = Literal["any", "same", "other"]
Floats = NDArray[np.float64]

KEEP_ALL = float("inf")
"""Limit of near-duplicates that leaves none out."""

SWEPT = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
"""Similarities from which near-duplicates are left out in the sweep of the threshold."""

LOWEST_SWEPT = min(SWEPT)

DAYS = (("gap under 30 days", 0, 30), ("gap 30 days to 1 year", 30, 365), ("gap 1 to 3 years", 365, 1096))
LONGEST_DAYS = ("gap 3 years or more", 1096, 10**9)
"""Gaps between the dates of two images, in days: name, from, to."""

YEARS = (("same age", 0, 1), ("age gap 1 to 2 years", 1, 3), ("age gap 3 years or more", 3, 10**9))
"""The same by age in whole years, where no dates are known."""

EYES = ("CFP", "OCT")
"""Modalities whose laterality is an eye."""

FEWEST_VALUES = 2
"""Values that a column needs before images are told apart by it."""


@dataclass(frozen=True)
class Stratum:
    """Which pairs count.

    Attributes
    ----------
    near_limit
        Near-duplicates from this similarity on do not count.
    sessions
        Which of the query's own images count.
    column, relation
        Both mates and strangers have the query's value of the column ("same"), or another that is known ("other").
    gap
        Column and half-open range of differences that mates may have from the query; strangers are not restricted.
    """

    name: str
    near_limit: float = KEEP_ALL
    sessions: Sessions = "any"
    column: str = ""
    relation: Relation = "any"
    gap: tuple[str, float, float] | None = None


ALL = Stratum("all")
NO_NEAR = Stratum("near-duplicates removed", near_limit=NEAR_DUPLICATE_SIMILARITY)
OTHER_SESSIONS = Stratum("different sessions", sessions="different")
MAIN = (ALL, NO_NEAR, OTHER_SESSIONS)
"""Strata of every table, baselines too."""

SWEEP = tuple(Stratum(f"near-duplicates from {limit:g} removed", near_limit=limit) for limit in SWEPT)
"""Strata of the sweep."""

NOT_THE_SAME_SESSION = Stratum(
    "near-duplicates and the same session removed", near_limit=NEAR_DUPLICATE_SIMILARITY, sessions="not the same"
)


def strata_of(table: "pd.DataFrame", modality: str) -> tuple[Stratum, ...]:
    """Give the strata that the table's columns allow, the main ones first.

    Parameters
    ----------
    table
        One modality's images.
    modality
        Which; laterality is the eye for fundus photos and OCT.
    """
    return (*MAIN, *_gaps(table), *_columns(table, modality))


def _gaps(table: "pd.DataFrame") -> tuple[Stratum, ...]:
    if table["acquired"].notna().any():
        return tuple(Stratum(name, gap=("acquired", low, high)) for name, low, high in (*DAYS, LONGEST_DAYS))
    if table["age"].notna().any():
        return tuple(Stratum(name, gap=("age", low, high)) for name, low, high in YEARS)
    return ()


def _columns(table: "pd.DataFrame", modality: str) -> tuple[Stratum, ...]:
    side = ("same eye", "fellow eye") if modality in EYES else ("same side", "other side")
    names = {
        "laterality": side,
        "view": ("same view", "other view"),
        "device": ("same device", "other device"),
    }
    found: list[Stratum] = []
    for column, (same, other) in names.items():
        if table[column].nunique() >= FEWEST_VALUES:
            found += [Stratum(same, column=column, relation="same"), Stratum(other, column=column, relation="other")]
    return tuple(found)


@dataclass(frozen=True)
class Eligibility:
    """Strata as the arrays that a sweep reads.

    Attributes
    ----------
    strata
        T of them, 32 at most.
    pair_starts, pair_bits
        ``(N + 1,)`` and ``(P,)``: bit t of ``pair_bits[pair_starts[i] + k]`` says whether image k of i's own subject
        is a mate of i in stratum t.
    near_starts, near_images, near_similarity
        Near-duplicates of each image from the lowest limit on.
    keys, key_counts
        ``(C, N)`` columns as numbers, -1 unknown, and ``(C, K)`` how many images have each value.
    column, relation, near_limit
        ``(T,)`` each.
    """

    strata: tuple[Stratum, ...]
    pair_starts: Ints
    pair_bits: NDArray[np.uint32]
    near_starts: Ints
    near_images: Ints
    near_similarity: NDArray[np.float32]
    keys: NDArray[np.int32]
    key_counts: Ints
    column: Ints
    relation: Ints
    near_limit: Floats = field(repr=False)

    def bit(self, name: str) -> int:
        """Give the number of a stratum by its name."""
        return [stratum.name for stratum in self.strata].index(name)


@dataclass(frozen=True)
class NearList:
    """Near-duplicates of each image in the population's order: ``images[starts[i]:starts[i + 1]]``."""

    starts: Ints
    images: Ints
    similarity: NDArray[np.float32]


def list_near(first: Ints, second: Ints, similarity: NDArray[np.float32], count: int) -> NearList:
    """List pairs ``(P,)`` of positions under both of their images.

    Parameters
    ----------
    first, second, similarity
        Each pair once.
    count
        N images.
    """
    start, end = np.concatenate([first, second]), np.concatenate([second, first])
    order = np.lexsort((end, start))
    counts = np.bincount(start, minlength=count)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return NearList(starts, end[order].astype(np.int64), np.tile(similarity, 2)[order].astype(np.float32))


_RELATIONS: dict[Relation, int] = {"any": 0, "same": 1, "other": 2}


def eligibility(
    strata: Sequence[Stratum], population: Population, near: NearList, table: "pd.DataFrame"
) -> Eligibility:
    """Turn strata into arrays.

    Parameters
    ----------
    strata
        32 at most.
    population
        N images.
    near
        Near-duplicates among them from the lowest limit of the strata on.
    table
        ``(N,)`` rows in the population's order, for the columns that the strata name.
    """
    if len(strata) > 32:
        raise ValueError(f"{len(strata)} strata; a sweep takes 32")
    names = list(dict.fromkeys(stratum.column for stratum in strata if stratum.column))
    keys = np.stack([_codes(table[name]) for name in names]) if names else np.zeros((1, len(population)), np.int32)
    pairs = _Pairs(population, near, {name: keys[row] for row, name in enumerate(names)}, table)
    bits = np.zeros(len(pairs.query), dtype=np.uint32)
    for place, stratum in enumerate(strata):
        bits |= pairs.mates(stratum).astype(np.uint32) << np.uint32(place)
    most = max(int(keys.max()) + 1, 1)
    return Eligibility(
        strata=tuple(strata),
        pair_starts=pairs.starts,
        pair_bits=bits,
        near_starts=near.starts,
        near_images=near.images,
        near_similarity=near.similarity,
        keys=keys,
        key_counts=np.stack([np.bincount(row[row >= 0], minlength=most) for row in keys]).astype(np.int64),
        column=np.array([names.index(s.column) if s.column else 0 for s in strata], dtype=np.int64),
        relation=np.array([_RELATIONS[s.relation] for s in strata], dtype=np.int64),
        near_limit=np.array([s.near_limit for s in strata]),
    )


def _codes(column: "pd.Series[str]") -> NDArray[np.int32]:
    import pandas as pd

    return pd.factorize(column.to_numpy(dtype=object), use_na_sentinel=True)[0].astype(np.int32)


class _Pairs:
    """Every image with every image of its own subject."""

    def __init__(
        self, population: Population, near: NearList, keys: dict[str, NDArray[np.int32]], table: "pd.DataFrame"
    ) -> None:
        counts = np.diff(population.starts, append=len(population))[population.codes]
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.query = np.repeat(np.arange(len(population)), counts)
        place = np.arange(len(self.query)) - self.starts[self.query]
        self.mate = population.starts[population.codes[self.query]] + place
        self.sessions, self.keys, self.table = population.sessions, keys, table
        self._near = self._near_similarity(population, near)
        self._values: dict[str, Floats] = {}

    def _near_similarity(self, population: Population, near: NearList) -> NDArray[np.float32]:
        """``(P,)`` similarity of a pair that is near-duplicate, else -inf."""
        similarity = np.full(len(self.query), -np.inf, dtype=np.float32)
        owner = np.repeat(np.arange(len(population)), np.diff(near.starts))
        own = population.codes[owner] == population.codes[near.images]
        owner, images = owner[own], near.images[own]
        similarity[self.starts[owner] + images - population.starts[population.codes[owner]]] = near.similarity[own]
        return similarity

    def mates(self, stratum: Stratum) -> NDArray[np.bool_]:
        """``(P,)`` whether the second image is a mate of the first."""
        good: NDArray[np.bool_] = (self.query != self.mate) & (self._near < stratum.near_limit)
        if stratum.sessions != "any":
            visit, other = self.sessions[self.query], self.sessions[self.mate]
            known = (visit >= 0) & (other >= 0)
            good &= (known & (visit != other)) if stratum.sessions == "different" else ~(known & (visit == other))
        if stratum.column:
            here, there = (self.keys[stratum.column][side] for side in (self.query, self.mate))
            good &= (here >= 0) & (there >= 0) & ((here == there) == (stratum.relation == "same"))
        if stratum.gap is not None:
            column, low, high = stratum.gap
            values = self._numbers(column)
            gap = np.abs(values[self.query] - values[self.mate])
            good &= (gap >= low) & (gap < high)
        return good

    def _numbers(self, column: str) -> Floats:
        """``(N,)`` days for dates, years for ages; NaN where unknown."""
        if column not in self._values:
            import pandas as pd

            if column == "acquired":
                dates = pd.to_datetime(self.table[column], errors="coerce", format="ISO8601")
                days = (dates - pd.Timestamp("1900-01-01")) / pd.Timedelta(days=1)
                self._values[column] = days.to_numpy(dtype=np.float64)
            else:
                self._values[column] = self.table[column].to_numpy(dtype=np.float64)
        return self._values[column]
