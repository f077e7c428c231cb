"""Similarity to likelihood ratio: what a similarity is worth as evidence of the same person."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by
from reid_engine.evaluation.confidence import resample_counts
from reid_engine.folds import FOLDS
from reid_engine.matcher.comparisons import BINS, Comparisons, bin_centres, to_bin
from reid_engine.matcher.logistic import fit_curves, hinges
from reid_engine.matcher.population import Ints, Population, Sessions
from reid_engine.matcher.support import GRID, Support

Floats = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]

FEWEST_MATED_SUBJECTS = 10
"""Subjects with two images that may be compared, below which there is no calibration."""

DRAWS = 200
"""Resamples of the subjects behind an interval."""

KNOTS = (0.9, 0.99, 0.999)
"""Quantiles of the non-mated scores at which the curve may bend upwards: what decides lies in that tail."""

POINTS = 801
"""Scores from -1 to 1 at which a calibration is stored."""

MERGED = 4
"""Bins of score that are merged for a fit."""

SCORES: Floats = np.linspace(-1.0, 1.0, POINTS)

LN10 = math.log(10.0)


@dataclass(frozen=True)
class Calibration:
    """Log10 likelihood ratio as a rising, bounded function of the score, one for each fold of subjects left out.

    Attributes
    ----------
    table
        ``(F, K)`` log10 ratio at each of `SCORES`, for a comparison with a subject of fold f, fitted without that fold.
    draws
        ``(B, F, K)`` the same on resampled subjects.
    facts
        Counts, which sessions were compared, and its quality on subjects it had not seen.
    """

    table: Floats
    draws: NDArray[np.float32]
    facts: Mapping[str, Any]

    def llr(self, scores: Scores, folds: Ints) -> Floats:
        """Log10 likelihood ratios.

        Parameters
        ----------
        scores
            ``(S,)`` best similarity to each subject; ``-inf`` where none is eligible.
        folds
            ``(S,)`` fold of each subject.

        Returns
        -------
        NDArray
            ``(S,)``; NaN where the score is ``-inf``.
        """
        return _look_up(self.table, scores, folds)

    def highest(self, fold: int) -> float:
        """Highest log10 ratio that the gallery supports for a subject of a fold."""
        return float(self.table[fold, -1])

    def ratio_draws(self, scores: Scores, folds: Ints, top: int) -> tuple[Floats, Floats]:
        """Likelihood ratio of one subject, and the sum over all, for every resample.

        Parameters
        ----------
        scores, folds
            As in `llr`; a subject without a score counts with ratio 1.
        top
            The subject whose ratio is wanted.

        Returns
        -------
        ratio, total : NDArray
            ``(B,)`` each.
        """
        known = np.isfinite(scores)
        place, part = _place(scores[known])
        start = folds[known] * POINTS + place
        weights = sum_by(np.concatenate([start, start + 1]), np.concatenate([1 - part, part]), FOLDS * POINTS)
        total = self._ratios @ weights.astype(np.float32) + np.count_nonzero(~known)
        if not known[top]:
            return np.ones(len(total)), total.astype(np.float64)
        (here,), (part,) = _place(scores[top : top + 1])
        first = folds[top] * POINTS + here
        ratio = self._ratios[:, first] * (1 - part) + self._ratios[:, first + 1] * part
        return ratio.astype(np.float64), total.astype(np.float64)

    @cached_property
    def _ratios(self) -> NDArray[np.float32]:
        """``(B, F K)`` likelihood ratios, not their logarithms."""
        return np.asarray(np.exp(self.draws.reshape(len(self.draws), -1) * np.float32(LN10)))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a gallery stores; `facts` go beside them."""
        return {"table": self.table, "draws": self.draws}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Calibration":
        """Restore what `to_arrays` gave."""
        return cls(np.array(arrays["table"]), np.array(arrays["draws"]), facts)


@dataclass(frozen=True)
class PairTables:
    """Calibrations for a gallery's own images: ``(F, F, K)``, neither subject's fold having been seen."""

    tables: Floats

    def llr(self, query_folds: Ints | int, scores: Scores, folds: Ints) -> Floats:
        """As `Calibration.llr`, for queries of subjects in `query_folds`."""
        pairs = np.asarray(query_folds) * FOLDS + folds
        return _look_up(self.tables.reshape(FOLDS * FOLDS, -1), scores, pairs)


def _place(scores: Scores) -> tuple[Ints, Floats]:
    """Point of `SCORES` at or below each score, and how far it is on the way to the next."""
    at = np.clip((scores.astype(np.float64) + 1.0) * ((POINTS - 1) / 2), 0.0, POINTS - 1)
    place = np.minimum(at.astype(np.int64), POINTS - 2)
    return place, at - place


def _look_up(tables: Floats, scores: Scores, which: Ints) -> Floats:
    known = np.isfinite(scores)
    place, part = _place(np.where(known, scores, 0.0))
    value = tables[which, place] * (1 - part) + tables[which, place + 1] * part
    return np.where(known, value, np.nan)


def shortage(population: Population, sessions: Sessions) -> str | None:
    """Say why there cannot be a calibration, as a part of a sentence; None if there can.

    Parameters
    ----------
    population
        The enrolled images.
    sessions
        Which of a subject's own images would be compared.
    """
    paired = {
        int(population.codes[image])
        for image in range(len(population))
        if len(population.mates(image, near=False, sessions=sessions))
    }
    if len(paired) >= FEWEST_MATED_SUBJECTS:
        return None
    return (
        f"{len(paired)} of {len(population.subjects)} enrolled subjects have two images that can be compared, "
        f"and it takes {FEWEST_MATED_SUBJECTS}"
    )


def fit_calibration(
    comparisons: Comparisons, population: Population, *, draws: int = DRAWS, seed: int = 0
) -> tuple[Calibration, PairTables]:
    """Fit a calibration, and the cross-fitted tables that its quality is measured with.

    Every subject has one vote: its mated scores weigh 1 in all, and so do the scores of a pair of subjects. First a
    logistic regression (`logistic`), then its ratios are held to what comparisons bear out that it had not seen
    (`support`).

    Parameters
    ----------
    comparisons
        Scores of the gallery against itself.
    population
        The subjects behind them.
    draws, seed
        Of the bootstrap over subjects: a resample weighs a mated score by how often its subject was drawn, a non-mated
        one by the product for its two subjects (Owen, Annals of Applied Statistics 1, 2007).
    """
    votes = _Votes(comparisons, population)
    curves = _Curves(votes)
    supports = [_FoldSupport(votes, curves, fold) for fold in range(FOLDS)]
    supported = np.stack([support.under(votes.mated_weights, votes.other) for support in supports])
    table = _hold(np.stack([curves.stated({fold}, SCORES) for fold in range(FOLDS)]), supported)
    calibration = Calibration(
        table=table,
        draws=_draws(votes, curves, table, draws, seed),
        facts={
            "mated_subjects": votes.mated_subjects,
            "mated_images": len(comparisons.mated_scores),
            "subjects": len(population.subjects),
            "sessions": comparisons.sessions,
        },
    )
    pairs = [
        _hold(
            np.stack([curves.stated({query, enrolled}, SCORES) for enrolled in range(FOLDS)]),
            np.tile(supported[query], (FOLDS, 1)),
        )
        for query in range(FOLDS)
    ]
    return calibration, PairTables(np.stack(pairs))


def _hold(stated: Floats, supported: Floats) -> Floats:
    """Hold stated log10 ratios ``(R, K)`` to what is supported ``(R, G)``."""
    return np.stack([np.interp(one, GRID, held) for one, held in zip(stated, supported, strict=True)])


class _Votes:
    """Comparisons binned by fold, with the weights that give every subject one vote."""

    def __init__(self, comparisons: Comparisons, population: Population) -> None:
        self.comparisons, self.population = comparisons, population
        self.subjects = len(population.subjects)
        self.codes = population.codes[comparisons.mated_images]
        self.mated_bins = to_bin(comparisons.mated_scores)
        each = np.bincount(self.codes, minlength=self.subjects)
        self.mated_subjects = int(np.count_nonzero(each))
        self.mated_weights = 1.0 / each[self.codes]
        self.mated = self.mated_histogram(self.mated_weights)
        self.other = comparisons.other_histogram
        folds = population.folds
        group = folds[comparisons.pair_queries] * FOLDS + folds[comparisons.pair_subjects]
        self._pair_places = group * BINS + comparisons.pair_bins

    def mated_histogram(self, weights: Floats) -> Floats:
        """``(F, BINS)`` weight of the mated scores by fold."""
        place = self.population.folds[self.codes] * BINS + self.mated_bins
        return sum_by(place, weights, FOLDS * BINS).reshape(FOLDS, BINS)

    def resampled(self, counts: Floats) -> tuple[Floats, Floats]:
        """Histograms by fold, with each subject counted as often as it was drawn."""
        comparisons = self.comparisons
        drawn = counts[comparisons.pair_queries] * counts[comparisons.pair_subjects]
        other = sum_by(self._pair_places, comparisons.pair_weights * drawn, FOLDS * FOLDS * BINS)
        mated = self.mated_histogram(self.mated_weights * counts[self.codes])
        return mated, other.reshape(FOLDS, FOLDS, BINS)


class _Fit:
    """Curves of the score, fitted without the subjects of some folds."""

    def __init__(self, votes: _Votes, left_out: set[int]) -> None:
        self._kept = [fold for fold in range(FOLDS) if fold not in left_out]
        self._subjects = votes.mated_subjects
        _, other = self._without(votes.mated, votes.other)
        rising = np.cumsum(other) / max(other.sum(), 1e-300)
        self._knots = _centres()[np.minimum(np.searchsorted(rising, KNOTS), len(rising) - 1)]

    def curves(self, histograms: list[tuple[Floats, Floats]]) -> Floats:
        """``(R, P)`` coefficients in log10, one for each pair of histograms by fold."""
        both = [self._without(mated, other) for mated, other in histograms]
        mated, other = (np.stack(side) for side in zip(*both, strict=True))
        used = np.flatnonzero(mated.any(axis=0) | other.any(axis=0))
        return fit_curves(_centres()[used], self._knots, mated[:, used], other[:, used], self._subjects) / LN10

    def at(self, scores: Scores, curves: Floats) -> Floats:
        """Log10 ratios ``(..., K)`` of scores ``(K,)`` by coefficients ``(..., P)``."""
        return np.asarray(curves @ hinges(scores, self._knots).T)

    def _without(self, mated: Floats, other: Floats) -> tuple[Floats, Floats]:
        up, down = mated[self._kept].sum(axis=0), other[np.ix_(self._kept, self._kept)].sum(axis=(0, 1))
        return _merged(up), _merged(down)


def _merged(histogram: Floats) -> Floats:
    return np.asarray(histogram.reshape(-1, MERGED).sum(axis=1))


def _centres() -> Floats:
    return np.asarray(bin_centres().reshape(-1, MERGED).mean(axis=1))


def _draws(votes: _Votes, curves: "_Curves", table: Floats, draws: int, seed: int) -> NDArray[np.float32]:
    """``(B, F, K)`` tables on resampled subjects: the table moved by as much as a resample moves the stated ratio.

    What supports a ratio is not found anew in every resample: pooling adjacent violators among subjects drawn twice
    would add noise of its own, and intervals twice as wide as need be.
    """
    resampled = [votes.resampled(counts) for counts in resample_counts(votes.subjects, draws, seed).astype(np.float64)]
    tables = np.empty((draws, FOLDS, POINTS), dtype=np.float32)
    for fold in range(FOLDS):
        fit = _Fit(votes, {fold})
        moved = fit.at(SCORES, fit.curves(resampled)) - curves.stated({fold}, SCORES)
        tables[:, fold] = np.maximum.accumulate(table[fold] + moved, axis=1)
    return tables


class _Curves:
    """Curves without the subjects of any set of folds, each fitted once."""

    def __init__(self, votes: _Votes) -> None:
        self._votes = votes
        self._known: dict[frozenset[int], tuple[_Fit, Floats]] = {}

    def stated(self, left_out: set[int], scores: Scores) -> Floats:
        """Log10 ratios ``(K,)`` of scores ``(K,)``."""
        key = frozenset(left_out)
        if key not in self._known:
            fit = _Fit(self._votes, left_out)
            self._known[key] = fit, fit.curves([(self._votes.mated, self._votes.other)])[0]
        fit, curve = self._known[key]
        return fit.at(scores, curve)


class _FoldSupport:
    """What bears out the ratios of a model that has not seen a fold, judged without that fold.

    The ratios that are judged come from curves that saw neither that fold nor the subjects compared.
    """

    def __init__(self, votes: _Votes, curves: _Curves, fold: int) -> None:
        own = votes.population.folds[votes.codes]
        self._mated = own != fold
        scores = votes.comparisons.mated_scores
        mated = np.zeros(len(own))
        held = votes.other > 0
        held[fold] = held[:, fold] = False
        other = np.zeros(votes.other.shape)
        for query in set(range(FOLDS)) - {fold}:
            mated[own == query] = curves.stated({fold, query}, scores[own == query])
            for enrolled in set(range(FOLDS)) - {fold}:
                other[query, enrolled] = curves.stated({fold, query, enrolled}, bin_centres())
        self._other = held
        share = 1 - 1 / FOLDS
        pairs = votes.subjects * (votes.subjects - 1) / 2
        self._support = Support(mated[self._mated], other[held], votes.mated_subjects * share, pairs * share**2)

    def under(self, mated_weights: Floats, other: Floats) -> Floats:
        """``(G,)`` supported ratios, under weights ``(M,)`` of the mated scores and a histogram of the others."""
        return self._support.under(mated_weights[self._mated], other[self._other])
