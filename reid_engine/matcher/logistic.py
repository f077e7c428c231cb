"""Many small logistic regressions with rising slopes at once, on binned scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SLOPE_SD = 10.0
"""Spread of the normal prior on each slope of standardised scores.

Wide enough to leave a calibration alone that has data, and enough to keep the slopes finite where mated and
non-mated scores do not overlap (Morrison & Poh, Science & Justice 58, 2018, shrink to the same end).
"""

_STEPS = 100
_HALVINGS = 20
_LONGEST_STEP = 4.0
_TOLERANCE = 1e-5
_RIDGE = 1e-10


def hinges(scores: NDArray[np.floating[Any]], knots: Floats) -> Floats:
    """Spread scores over ``[1, s, max(s - k1, 0), max(s - k2, 0), ...]``.

    Parameters
    ----------
    scores
        ``(K,)``.
    knots
        ``(H,)`` rising.

    Returns
    -------
    NDArray
        ``(K, 2 + H)``.
    """
    s = np.asarray(scores, dtype=np.float64)[:, None]
    return np.concatenate([np.ones_like(s), s, np.maximum(s - knots, 0.0)], axis=1)


def fit_curves(scores: Floats, knots: Floats, mated: Floats, other: Floats, subjects: int) -> Floats:
    """Fit natural-logarithm likelihood ratios as rising curves of the score, one for each set of weights.

    Logistic regression with both classes weighted alike, so that the log odds are the log likelihood ratio (Brümmer &
    du Preez, Computer Speech & Language 20, 2006; Morrison, Australian Journal of Forensic Sciences 45, 2013). The
    curve is a straight line that may bend upwards at each knot, never downwards, and never falls: where mated
    scores spread wider than non-mated ones, as they do, the true log ratio is convex. Newton's method with
    projection (Bertsekas, SIAM Journal on Control and Optimization 20, 1982).

    Parameters
    ----------
    scores
        ``(K,)`` score of each bin.
    knots
        ``(H,)`` scores at which the curve may bend.
    mated, other
        ``(R, K)`` weights of mated and non-mated comparisons in each bin, for each of R fits.
    subjects
        Subjects behind the mated weights; they outweigh the prior on the slopes.

    Returns
    -------
    NDArray
        ``(R, 2 + H)``, to be multiplied with `hinges`. All 0 where more alike would mean less likely the same, or a
        class is empty: the scores say nothing.
    """
    centre, spread = _standard(scores, other.sum(axis=0))
    features = hinges((scores - centre) / spread, (knots - centre) / spread)
    with np.errstate(invalid="ignore"):
        up = np.nan_to_num(0.5 * mated / mated.sum(axis=1, keepdims=True))
        down = np.nan_to_num(0.5 * other / other.sum(axis=1, keepdims=True))
    curves = _Problem(features, up, down, 1.0 / (SLOPE_SD**2 * max(subjects, 1))).solve()
    silent = (up.sum(axis=1) == 0) | (down.sum(axis=1) == 0) | ~(curves[:, 1:].sum(axis=1) > 0)
    curves[silent] = 0.0
    curves[:, 0] -= curves[:, 1] * centre / spread
    curves[:, 1:] /= spread
    return curves


def _standard(scores: Floats, weights: Floats) -> tuple[float, float]:
    if weights.sum() <= 0:
        return 0.0, 1.0
    centre = float(np.average(scores, weights=weights))
    spread = float(np.sqrt(np.average((scores - centre) ** 2, weights=weights)))
    return centre, spread if spread > 0 else 1.0


class _Problem:
    """R regressions on the same features; the first coefficient is free, the others are not negative."""

    def __init__(self, features: Floats, up: Floats, down: Floats, penalty: float) -> None:
        self.features = features
        self.products = (features[:, :, None] * features[:, None, :]).reshape(len(features), -1)
        self.up, self.total = up, up + down
        self.penalty = np.full(features.shape[1], penalty)
        self.penalty[0] = 0.0

    def solve(self) -> Floats:
        """Minimise each; ``(R, P)``."""
        theta = np.zeros((len(self.up), self.features.shape[1]))
        theta[:, 1] = 1.0
        going = np.arange(len(theta))
        for _ in range(_STEPS):
            moved = self._improve(theta[going], going)
            change = np.abs(moved - theta[going]).max(axis=1)
            theta[going] = moved
            going = going[change > _TOLERANCE]
            if len(going) == 0:
                break
        return theta

    def _improve(self, theta: Floats, which: NDArray[np.int64]) -> Floats:
        logits = theta @ self.features.T
        p = 0.5 * (1.0 + np.tanh(0.5 * logits))
        gradient = (self.total[which] * p - self.up[which]) @ self.features + self.penalty * theta
        curvature = (self.total[which] * p * (1 - p)) @ self.products
        step = _newton_step(theta, gradient, curvature, self.penalty)
        return self._search(theta, step, which, self._cost(theta, which))

    def _search(self, theta: Floats, step: Floats, which: NDArray[np.int64], cost: Floats) -> Floats:
        """Shorten each step until it no longer raises the cost."""
        result, pending, length = theta.copy(), np.arange(len(theta)), 1.0
        for _ in range(_HALVINGS):
            tried = theta[pending] - length * step[pending]
            tried[:, 1:] = np.maximum(tried[:, 1:], 0.0)
            better = self._cost(tried, which[pending]) <= cost[pending]
            result[pending[better]] = tried[better]
            pending, length = pending[~better], length / 2
            if len(pending) == 0:
                break
        return result

    def _cost(self, theta: Floats, which: NDArray[np.int64]) -> Floats:
        logits = theta @ self.features.T
        softplus = np.maximum(logits, 0.0) + np.log1p(np.exp(-np.abs(logits)))
        loss = (self.total[which] * softplus - self.up[which] * logits).sum(axis=1)
        return np.asarray(loss + 0.5 * (self.penalty * theta**2).sum(axis=1))


def _newton_step(theta: Floats, gradient: Floats, curvature: Floats, penalty: Floats) -> Floats:
    size = theta.shape[1]
    held = (theta <= 0) & (gradient > 0)
    held[:, 0] = False
    hessian = curvature.reshape(-1, size, size) + np.diag(penalty + _RIDGE)
    hessian[held[:, :, None] | held[:, None, :]] = 0.0
    hessian += held[:, :, None] * np.eye(size)
    step = np.linalg.solve(hessian, np.where(held, 0.0, gradient)[:, :, None])[:, :, 0]
    length = np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-30)
    return np.asarray(step * np.minimum(1.0, _LONGEST_STEP / length))
