"""How exposed enrolled images are: each is checked among the others by models that had not seen its subject."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.attack import DEFAULT_PRIOR, Attack
from reid_engine.errors import GalleryError, ReidError
from reid_engine.evaluation.confidence import mean_estimate
from reid_engine.exposure_report import CohortExposure, Exposure
from reid_engine.fitting import load_attack, model_names
from reid_engine.level import HIGH
from reid_engine.matcher.comparisons import Blocks
from reid_engine.matcher.duplicates import near_duplicate_pairs
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.ladder import blocks_of
from reid_engine.matcher.own_subject import Probabilities, own_chances, own_probabilities, own_ranks
from reid_engine.matcher.population import Ints, Population, arrange
from reid_engine.matcher.snapshot import Snapshot
from reid_engine.progress import Progress, silent
from reid_engine.scan import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ALONE = "no other image of the subject is enrolled"
SAME_SESSION = "the subject's other images are of the same session"
COPIES = "the subject's other images are nearly the same picture, or of the same session"
TOO_FEW = "too few images of the modality are enrolled"

_PASSES = 3


def cohort_exposure(
    gallery: Gallery,
    *,
    samples: Collection[str] | None = None,
    prior_enrolled: float = DEFAULT_PRIOR,
    progress: Progress = silent,
) -> CohortExposure:
    """Measure how easily each enrolled image is re-identified among all others.

    The attacker is the one that a check uses: the strongest back-end of the modality, with calibrations that saw
    neither the image's subject nor the one it is compared with (`reid_engine.matcher.trials`). An image without a
    mate, or of a modality without a calibration, has no probability, and the reason instead.

    Parameters
    ----------
    gallery
        Enrolled images, fitted by `reid_engine.fitting.fit_gallery`.
    samples
        Ids of the images that are wanted; all when left out. They are compared with every enrolled image.
    prior_enrolled
        π, the probability beforehand that the person is enrolled, in (0, 1].
    progress
        Called with the comparisons made, so many in all, and what is done.

    Raises
    ------
    GalleryError
        The gallery changed since it was fitted.
    ReidError
        π is out of range.
    """
    if not 0.0 < prior_enrolled <= 1.0:
        raise ReidError(f"prior_enrolled is {prior_enrolled}; it is a probability above 0 and at most 1")
    if not is_fitted(gallery):
        raise GalleryError(f"{gallery.path}: the gallery has changed since it was fitted; fit it again")
    snapshot = gallery.snapshot()
    attacks = {name: load_attack(gallery, name) for name in snapshot.modalities if name != UNKNOWN}
    wanted = None if samples is None else set(samples)
    counter = _Counter(progress, _PASSES * sum(len(snapshot.positions_of(name)) for name in attacks))
    rows: list[tuple[int, Exposure]] = []
    summaries: list[dict[str, Any]] = []
    for modality, attack in attacks.items():
        part = _measure(snapshot, modality, attack, prior_enrolled, counter)
        chosen = part.chosen(wanted)
        if chosen.any():
            rows += part.rows(chosen)
            summaries.append(part.summary(chosen))
    counter.end()
    ordered = tuple(row for _, row in sorted(rows, key=lambda placed: placed[0]))
    return CohortExposure(prior_enrolled, len(rows) if wanted is None else len(wanted), tuple(summaries), ordered)


def is_fitted(gallery: Gallery) -> bool:
    """Whether what was fitted on a gallery fits its rows, so that its images' exposure can be measured."""
    return all(
        load_attack(gallery, name) is not None or _too_small(gallery, name)
        for name in gallery.modalities
        if name != UNKNOWN
    )


def _too_small(gallery: Gallery, modality: str) -> bool:
    """Whether a modality was found to have too few images for an attack."""
    model = gallery.load_model(model_names(modality)[0])
    return model is not None and bool(model[1].get("empty"))


@dataclass(frozen=True)
class _Part:
    """N images of one modality, in subject order.

    Attributes
    ----------
    places
        ``(N,)`` place of each image in the gallery's table.
    found
        None without a calibration.
    ranks, chances
        ``(N,)``; NaN where there is none.
    near, identical
        ``(N,)`` whether the picture is enrolled a second time.
    """

    modality: str
    attack: Attack | None
    population: Population
    table: "pd.DataFrame"
    places: Ints
    found: Probabilities
    ranks: Floats
    chances: Floats
    near: Flags
    identical: Flags

    def chosen(self, wanted: set[str] | None) -> Flags:
        """``(N,)`` whether an image is one of those wanted."""
        ids = self.table["sample_id"]
        return np.ones(len(ids), dtype=bool) if wanted is None else ids.isin(wanted).to_numpy()

    def rows(self, chosen: Flags) -> list[tuple[int, Exposure]]:
        """Give the chosen images' rows, each with its place in the gallery's table."""
        samples = self.table["sample_id"].tolist()
        return [
            (
                int(self.places[image]),
                Exposure(
                    sample_id=samples[image],
                    subject_id=self.population.subjects[self.population.codes[image]],
                    modality=self.modality,
                    p_subject=_known(self.found.own[image]),
                    p_top=_known(self.found.top[image]),
                    rank=int(self.ranks[image]) if np.isfinite(self.ranks[image]) else None,
                    near_duplicate=bool(self.near[image]),
                    identical=bool(self.identical[image]),
                    reason=self._reason(image),
                ),
            )
            for image in np.flatnonzero(chosen).tolist()
        ]

    def summary(self, chosen: Flags) -> dict[str, Any]:
        """Sum up the chosen images in counts and rates."""
        mated = np.flatnonzero(chosen & np.isfinite(self.ranks))
        known = np.flatnonzero(chosen & np.isfinite(self.found.own))
        reasons = [self._reason(image) for image in np.flatnonzero(chosen).tolist()]
        attack = self.attack
        return {
            "modality": self.modality,
            "subjects": len(np.unique(self.population.codes[chosen])),
            "samples": int(np.count_nonzero(chosen)),
            "rank_1": {
                **self._rate(self.ranks[mated] == 1, mated),
                "chance": float(self.chances[mated].mean()) if len(mated) else None,
            },
            "share_high": {**self._rate(self.found.own[known] >= HIGH, known), "from": HIGH},
            "near_duplicates": int(np.count_nonzero(chosen & self.near)),
            "identical": int(np.count_nonzero(chosen & self.identical)),
            "without_probability": {why: reasons.count(why) for why in sorted({why for why in reasons if why})},
            "attacker": attack.backend.name if attack else None,
            "sessions": attack.facts["sessions"] if attack else None,
            "candidates": self.found.candidates,
            "calibration": dict(attack.calibration.facts) if attack and attack.calibration else None,
        }

    def _rate(self, outcomes: Flags, images: Ints) -> dict[str, Any]:
        codes = self.population.codes[images]
        estimate = mean_estimate(outcomes.astype(np.float64), codes, share=True)
        ends = (_known(estimate.low), _known(estimate.high))
        return {
            "value": _known(estimate.value),
            "ci95": None if None in ends else list(ends),
            "subjects": len(np.unique(codes)),
            "samples": len(codes),
        }

    def _reason(self, image: int) -> str | None:
        """Why an image has no probability."""
        if np.isfinite(self.found.own[image]):
            return None
        if self.attack is None:
            return TOO_FEW
        sessions = self.attack.facts["sessions"]
        if len(self.population.own(image)) == 1:
            return ALONE
        if not len(self.population.mates(image, sessions=sessions)):
            return SAME_SESSION
        if not len(self.population.mates(image, near=False, sessions=sessions)):
            return COPIES
        return str(self.attack.facts["uncalibrated"])


def _measure(
    snapshot: Snapshot, modality: str, attack: Attack | None, prior_enrolled: float, counter: "_Counter"
) -> _Part:
    rows = snapshot.positions_of(modality)
    table = snapshot.table.iloc[rows]
    subjects = table["subject_id"].to_numpy(dtype=object)
    near = near_duplicate_pairs(snapshot.thumbnails[rows], subjects=subjects)
    population = arrange(subjects, table["session_id"].to_numpy(dtype=object), near, np.arange(len(rows)))
    order = population.rows
    table = table.iloc[order]
    identical = _again(table["pixel_digest"]) | _again(table["file_digest"])
    blank = np.full(len(rows), np.nan)
    found, ranks, chances = Probabilities(blank, blank, 0), blank, blank
    if attack is not None:
        sessions = attack.facts["sessions"]
        blocks = blocks_of(attack.backend.name, snapshot.vectors_of(modality)[order], population, sessions)
        ranks = own_ranks(population, counter.count(blocks, f"searching among {modality}"), sessions)
        chances = own_chances(population, sessions)
        if attack.calibration is not None:
            counted = counter.count(blocks, f"weighing {modality}")
            found = own_probabilities(population, counted, sessions, prior_enrolled)
    return _Part(
        modality=modality,
        attack=attack,
        population=population,
        table=table,
        places=rows[order],
        found=found,
        ranks=ranks,
        chances=chances,
        near=(np.diff(population.near_starts) > 0) | identical,
        identical=identical,
    )


def _again(digests: "pd.Series[Any]") -> Flags:
    """``(N,)`` whether another image has the same digest."""
    return np.asarray(digests.notna() & digests.duplicated(keep=False), dtype=bool)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


class _Counter:
    """Counts the images that were compared, and tells."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def count(self, blocks: Blocks, what: str) -> "_Counted":
        """Give the same blocks, counted as often as they are used."""
        return _Counted(self, blocks, what)

    def add(self, images: int, what: str) -> None:
        """Count images that were compared."""
        self._done += images
        self._progress(self._done, self._total, what)

    def end(self) -> None:
        """Tell that all is done; modalities without an attack took fewer comparisons than were foreseen."""
        self._progress(self._total, self._total, "measured")


@dataclass(frozen=True)
class _Counted:
    counter: _Counter
    blocks: Blocks
    what: str

    def __iter__(self) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        for queries, similarities in self.blocks:
            yield queries, similarities
            self.counter.add(len(queries), self.what)
