"""Who somebody could be by sex, age, race and ethnicity: what a thief of the table alone knows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.leave_one_out import BLOCK_BYTES, FEWEST_ROWS
from reid_engine.probes.attributes import PERSON_COLUMNS, Attribute, attributes_of

if TYPE_CHECKING:
    import pandas as pd

NEUTRAL_YEARS = 5.0
"""Difference of ages that speaks neither for one person nor for two. Between the visits of one patient of
ChestX-ray14 smaller ones are more frequent than between two patients, larger ones less."""

UNKNOWN = -1.0
"""Stands for what is not known among ages and numbers of classes: unlike NaN it is equal to itself."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def has_demographics(table: "pd.DataFrame") -> bool:
    """Whether sex, age, race or ethnicity of any image (N rows) is known."""
    return bool(_known(table))


class DemographicBlocks:
    """Similarities of each of N images to all others by the person's columns alone; iterate as often as needed.

    Each column that is known of any image speaks for one person (1), against (-1) or not at all (0, where either
    image's value is unknown); the similarity is the mean over these columns. Sex, race and ethnicity are equal or
    not. Ages d years apart say (n - d) / (n + d), n being `NEUTRAL_YEARS`: exact arithmetic, so that who cannot be
    told apart ties exactly.

    Parameters
    ----------
    table
        N rows in the population's order.
    """

    def __init__(self, table: "pd.DataFrame") -> None:
        columns = [_numbers(attribute) for attribute in _known(table)]
        rows = np.stack([numbers for numbers, _ in columns], axis=1) if columns else np.empty((len(table), 0))
        self._counted = [counted for _, counted in columns]
        self._people, self._who = np.unique(rows, axis=0, return_inverse=True)
        self._who = self._who.reshape(-1)

    @property
    def people(self) -> int:
        """How many different people the columns tell apart."""
        return len(self._people)

    def __len__(self) -> int:
        return len(self._who)

    def __iter__(self) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        """Yield queries (B,) in order and their similarities (B, N) in [-1, 1], a fresh block each; -inf to itself."""
        yield from self.of(np.arange(len(self)))

    def of(self, wanted: Ints) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        """Yield the same for the queries that are wanted (M,) alone, in that order."""
        step = max(FEWEST_ROWS, BLOCK_BYTES // (8 * max(1, len(self))))
        for start in range(0, len(wanted), step):
            queries = wanted[start : start + step]
            similarities = np.take(self._against_people(self._who[queries]), self._who, axis=1)
            similarities[np.arange(len(queries)), queries] = -np.inf
            yield queries, similarities

    def _against_people(self, who: Ints) -> NDArray[np.float32]:
        """Give the similarities (B, P) of some people (B,) to all P that differ in any column."""
        total = np.zeros((len(who), len(self._people)))
        for place, counted in enumerate(self._counted):
            values = self._people[:, place]
            own = values[who][:, None]
            said = _by_age(own, values) if counted else np.where(own == values, 1.0, -1.0)
            total += np.where((own == UNKNOWN) | (values == UNKNOWN), 0.0, said)
        return (total / max(1, len(self._counted))).astype(np.float32)


def _by_age(own: Floats, ages: Floats) -> Floats:
    apart = np.abs(own - ages)
    said: Floats = (NEUTRAL_YEARS - apart) / (NEUTRAL_YEARS + apart)
    return said


def _known(table: "pd.DataFrame") -> list[Attribute]:
    columns = [name for name in PERSON_COLUMNS if name in table.columns]
    attributes = attributes_of(table[columns])
    return [one for one in attributes if one.kind == "class" or np.isfinite(one.values).any()]


def _numbers(attribute: Attribute) -> tuple[Floats, bool]:
    """Give a column (N,) as ages or as numbers of its classes, or UNKNOWN, and whether it is counted."""
    if attribute.kind == "number":
        return np.where(np.isfinite(attribute.values), attribute.values, UNKNOWN), True
    numbers = np.full(len(attribute.values), UNKNOWN)
    known = np.array([value is not None for value in attribute.values])
    numbers[known] = np.unique(attribute.values[known].astype(str), return_inverse=True)[1]
    return numbers, False
