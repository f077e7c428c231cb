"""One scan against one modality's roster: scores, copies, likelihood ratios, posterior."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import LEVEL
from reid_engine.matcher.duplicates import NEAR_DUPLICATE_SIMILARITY, thumbnail
from reid_engine.matcher.population import Ints
from reid_engine.posterior import Posterior, posterior
from reid_engine.roster import Roster
from reid_engine.scan import Scan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Search:
    """What a comparison found.

    Attributes
    ----------
    similarities, pixels
        ``(N,)`` similarity to each image, by the network's features and by plain pixels.
    copies, identical
        ``(N,)`` whether an image is nearly the same picture, and whether it is the very same.
    best
        ``(S,)`` image of each subject that is most alike, copies among them.
    evidence
        ``(S,)`` image of each subject that is most alike without being a copy; -1 where there is none.
    llr
        ``(S,)`` log10 likelihood ratios; NaN without evidence or calibration.
    order
        ``(S,)`` subjects by falling best similarity.
    posterior
        None without a calibration.
    top
        Subject with the highest probability; the most alike one where there is none.
    ci95
        Interval of its probability; NaN without a calibration.
    """

    similarities: NDArray[np.float32]
    pixels: NDArray[np.float32]
    copies: NDArray[np.bool_]
    identical: NDArray[np.bool_]
    best: Ints
    evidence: Ints
    llr: Floats
    order: Ints
    posterior: Posterior | None
    top: int
    ci95: tuple[float, float]


@dataclass(frozen=True)
class Looks:
    """What the pictures alone tell, without a network.

    Attributes
    ----------
    pixels
        ``(N,)`` similarity to each image by plain pixels; 0 where it was not looked at closely.
    identical
        ``(N,)`` whether an image is the very same, by its pixels or its bytes.
    """

    pixels: NDArray[np.float32]
    identical: NDArray[np.bool_]


def look(roster: Roster, scan: Scan) -> Looks:
    """Compare a scan's picture and digests with every enrolled image of its modality."""
    identical = np.zeros(len(roster.population), dtype=bool)
    identical[roster.identical(scan)] = True  # first: the digest may be in the making, and a processor is left to it
    pixels = np.asarray(roster.duplicates.similarity(thumbnail(scan)), dtype=np.float32)
    return Looks(pixels, identical)


def search(roster: Roster, looks: Looks, vector: NDArray[np.float32], prior_enrolled: float, population: int) -> Search:
    """Compare a scan with every enrolled image of its modality.

    Parameters
    ----------
    roster
        The images.
    looks
        What :func:`look` gave.
    vector
        ``(D,)`` its raw embedding.
    prior_enrolled, population
        π and N of the posterior.
    """
    similarities = roster.vectors @ roster.backend.transform(vector[None])[0]
    pixels, identical = looks.pixels, looks.identical
    copies = identical | (pixels >= NEAR_DUPLICATE_SIMILARITY)
    best = _best_image(roster, similarities)
    eligible = np.where(copies, -np.inf, similarities).astype(np.float32)
    evidence = _best_image(roster, eligible)
    scores = eligible[evidence]
    evidence = np.where(np.isfinite(scores), evidence, -1)
    order = np.argsort(-similarities[best], kind="stable")
    llr, belief, top, interval = _weigh(roster, scores, order, prior_enrolled, population)
    return Search(similarities, pixels, copies, identical, best, evidence, llr, order, belief, top, interval)


def _best_image(roster: Roster, similarities: NDArray[np.float32]) -> Ints:
    """``(S,)`` first image of each subject that reaches the subject's best similarity."""
    starts, codes = roster.population.starts, roster.population.codes
    reached = similarities == np.maximum.reduceat(similarities, starts)[codes]
    places = np.flatnonzero(reached)
    return places[np.searchsorted(codes[places], np.arange(len(starts)))]


def _weigh(
    roster: Roster, scores: NDArray[np.float32], order: Ints, prior_enrolled: float, population: int
) -> tuple[Floats, Posterior | None, int, tuple[float, float]]:
    calibration = roster.attack.calibration if roster.attack else None
    nothing = np.full(len(scores), np.nan)
    if calibration is None:
        return nothing, None, int(order[0]), (np.nan, np.nan)
    folds = roster.population.folds
    llr = calibration.llr(scores, folds)
    belief = posterior(llr, prior_enrolled, population)
    top = int(np.lexsort((scores, belief.p))[-1])
    ratios, totals = calibration.ratio_draws(scores, folds, top)
    share = prior_enrolled / population
    drawn = share * ratios / (share * (totals + population - len(scores)) + 1.0 - prior_enrolled)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    p = float(belief.p[top])
    return llr, belief, top, (min(float(low), p), max(float(high), p))


def match_rows(roster: Roster, found: Search, scan: Scan, top: int) -> list[dict[str, Any]]:
    """Give the nearest subjects, one row each, by falling best similarity."""
    same_day = roster.same_day(scan)
    return [
        _row(roster, found, same_day, rank, int(subject)) for rank, subject in enumerate(found.order[:top], start=1)
    ]


def _row(roster: Roster, found: Search, same_day: NDArray[np.bool_] | None, rank: int, subject: int) -> dict[str, Any]:
    best, evidence = int(found.best[subject]), int(found.evidence[subject])
    known = evidence >= 0
    return {
        "rank": rank,
        "subject_id": roster.population.subjects[subject],
        **{name: held[best] for name, held in roster.columns.items()},
        "similarity": found.similarities[best],
        "llr": found.llr[subject],
        "p_same": found.posterior.p[subject] if found.posterior and known else None,
        "near_duplicate": found.copies[best],
        "identical": found.identical[best],
        "same_session": None if same_day is None or not roster.dates[best] else same_day[best],
        "pixel_similarity": found.pixels[best],
        "evidence_sample_id": roster.columns["sample_id"][evidence] if known else None,
        "evidence_similarity": found.similarities[evidence] if known else None,
    }


def pixel_baseline(roster: Roster, found: Search) -> dict[str, Any]:
    """Give the subject that plain pixels find, copies left out, and where the network's features rank it."""
    pixels = np.where(found.copies, -np.inf, found.pixels)
    best = int(np.argmax(pixels))
    measured = dict(roster.attack.facts.get("pixels", {})) if roster.attack else {}
    blank = {"subject_id": None, "sample_id": None, "similarity": None, "agrees": None, "rank": None}
    if not pixels[best] > 0:
        return {**blank, "measured": measured}
    subject = int(roster.population.codes[best])
    return {
        "subject_id": roster.population.subjects[subject],
        "sample_id": roster.columns["sample_id"][best],
        "similarity": pixels[best],
        "agrees": subject == found.top,
        "rank": int(np.flatnonzero(found.order == subject)[0]) + 1,
        "measured": measured,
    }
