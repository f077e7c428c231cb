"""How exposed each image of a cohort is: the rows, their summary, and how a gallery keeps them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.gallery import Gallery
from reid_engine.plain import plain

SCHEMA = "reid-exposure/1"

MODEL = "exposure"
"""Name under which a gallery keeps it, as one of the models fitted on its rows: it goes when they change."""

VERSION = 1
"""Goes up when what is stored, or how it is measured, changes; what another version stored is not read."""

_FLAGS = ("near_duplicate", "identical")
_NUMBERS = ("p_subject", "p_top", "rank")


@dataclass(frozen=True, slots=True)
class Exposure:
    """One enrolled image, checked as if it were new by models that had not seen its subject.

    Attributes
    ----------
    p_subject, p_top
        Probability of the image's own subject, and of the top subject; None with a `reason`.
    rank
        Place of the own subject among all, by the best similarity to an eligible image, 1 first; None without a mate.
    near_duplicate, identical
        Whether nearly the same picture, or the very same, is enrolled a second time, under whatever subject.
    reason
        Why there is no probability.
    """

    sample_id: str
    subject_id: str
    modality: str
    p_subject: float | None
    p_top: float | None
    rank: int | None
    near_duplicate: bool
    identical: bool
    reason: str | None

    @property
    def hit(self) -> bool | None:
        """Whether the image is re-identified: its own subject comes first."""
        return None if self.rank is None else self.rank == 1


@dataclass(frozen=True)
class CohortExposure:
    """Enrolled images by how easily each is re-identified among the others.

    Attributes
    ----------
    prior_enrolled
        π of the probabilities.
    asked, samples
        Images that were asked for, and those of them that are enrolled.
    modalities
        Summary rows, one a modality.
    rows
        One an image, in the gallery's order.
    """

    prior_enrolled: float
    asked: int
    modalities: Sequence[Mapping[str, Any]]
    rows: tuple[Exposure, ...]

    @property
    def samples(self) -> int:
        """How many images there are."""
        return len(self.rows)

    def by_exposure(self) -> list[Exposure]:
        """Give the rows, the most exposed first; those without a probability last, copies before the others.

        Ties are in the gallery's order.
        """
        return sorted(self.rows, key=_exposed_last, reverse=True)

    def summary(self) -> dict[str, Any]:
        """Give what names nobody: counts and rates."""
        document: dict[str, Any] = plain(
            {
                "schema": SCHEMA,
                "prior_enrolled": self.prior_enrolled,
                "samples": self.samples,
                "not_enrolled": self.asked - self.samples,
                "modalities": self.modalities,
            }
        )
        return document

    def to_json(self) -> dict[str, Any]:
        """Give the document ``reid-exposure/1``: the summary and the rows, plain finite values and None only."""
        rows = [{**asdict(row), "hit": row.hit} for row in self.rows]
        return {**self.summary(), "rows": plain(rows)}


def _exposed_last(row: Exposure) -> tuple[float, bool, bool]:
    return (-1.0 if row.p_subject is None else row.p_subject, row.identical, row.near_duplicate)


def save_exposure(gallery: Gallery, exposure: CohortExposure) -> None:
    """Store a cohort's exposure in the gallery that it was measured on, in the place of an earlier one.

    Images are stored by their place in the gallery's table, so that no id is written a second time.

    Raises
    ------
    GalleryError
        The gallery's rows changed meanwhile, or it cannot be written.
    """
    place = {name: number for number, name in enumerate(gallery.table["sample_id"].tolist())}
    reasons = sorted({row.reason for row in exposure.rows if row.reason is not None})
    codes = {reason: code for code, reason in enumerate(reasons)}
    arrays: dict[str, NDArray[Any]] = {
        "row": np.array([place[row.sample_id] for row in exposure.rows], dtype=np.int64),
        "reason": np.array([codes[row.reason] if row.reason else -1 for row in exposure.rows], dtype=np.int64),
        **{name: np.array([getattr(row, name) for row in exposure.rows], dtype=np.bool_) for name in _FLAGS},
        **{name: np.array([getattr(row, name) for row in exposure.rows], dtype=np.float64) for name in _NUMBERS},
    }
    facts = {
        "version": VERSION,
        "reasons": reasons,
        "prior_enrolled": exposure.prior_enrolled,
        "asked": exposure.asked,
        "modalities": exposure.modalities,
    }
    gallery.save_model(MODEL, arrays, plain(facts))


def load_exposure(gallery: Gallery) -> CohortExposure | None:
    """Give what `save_exposure` stored; None if nothing was, or the gallery's rows changed since."""
    model = gallery.load_model(MODEL)
    if model is None or model[1].get("version") != VERSION:
        return None
    arrays, facts = model
    held = gallery.table[["sample_id", "subject_id", "modality"]].iloc[arrays["row"]]
    reasons = facts["reasons"]
    columns = zip(
        *(held[name].tolist() for name in held.columns),
        *(arrays[name].tolist() for name in (*_NUMBERS, *_FLAGS, "reason")),
        strict=True,
    )
    rows = tuple(
        Exposure(
            sample_id,
            subject_id,
            modality,
            _known(p_subject),
            _known(p_top),
            None if math.isnan(rank) else int(rank),
            near_duplicate,
            identical,
            reasons[reason] if reason >= 0 else None,
        )
        for sample_id, subject_id, modality, p_subject, p_top, rank, near_duplicate, identical, reason in columns
    )
    return CohortExposure(facts["prior_enrolled"], facts["asked"], tuple(facts["modalities"]), rows)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
