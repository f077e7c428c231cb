"""Two regularised linear models, weighted so that every subject has one vote."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Line = tuple[Floats, float]
"""Weights ``(q,)`` and offset of a linear model."""

Pulls = tuple[Floats, Floats]
"""Second derivative ``(q + 1, q + 1)`` of a fit's objective in weights and offset, and for each image ``(N,)`` the
factor of its features in the negative gradient: without some images the optimum moves by minus the inverse of the
first times the sum of the second times features (Giordano et al., AISTATS 2019, infinitesimal jackknife)."""

CLASS_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties of the logistic regression that are tried, in units of one subject."""

NUMBER_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Penalties of the ridge regression that are tried, as shares of the features' total variance."""


def fit_logistic(x: Floats, y: NDArray[np.bool_], weights: Floats, strength: float) -> Line:
    """Fit log odds of `y` as a line of ``(N, q)`` features."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=100, tol=1e-5)
    model.fit(x, y, sample_weight=weights)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def fit_ridge(x: Floats, y: Floats, weights: Floats, strength: float) -> Line:
    """Fit a number as a line of ``(N, q)`` features."""
    share = weights / weights.sum()
    middle, level = share @ x, float(share @ y)
    centred = x - middle
    gram = (centred * share[:, None]).T @ centred
    penalty = strength * np.trace(gram) / len(gram)
    slope = np.linalg.solve(gram + penalty * np.eye(len(gram)), centred.T @ (share * (y - level)))
    return slope, level - float(middle @ slope)


def logistic_pulls(x: Floats, y: NDArray[np.bool_], weights: Floats, strength: float, line: Line) -> Pulls:
    """Curvature at the optimum of `fit_logistic`, and how hard each image pulls at it."""
    slope, offset = line
    p = 0.5 * (1.0 + np.tanh(0.5 * (x @ slope + offset)))
    design = with_offset(x)
    curvature = strength * (design * (weights * p * (1.0 - p))[:, None]).T @ design
    return curvature + _penalised(1.0, x.shape[1]), strength * weights * (y - p)


def ridge_pulls(x: Floats, y: Floats, weights: Floats, strength: float, line: Line) -> Pulls:
    """Curvature at the optimum of `fit_ridge`, and how hard each image pulls at it."""
    slope, offset = line
    share = weights / weights.sum()
    design = with_offset(x)
    centred = x - share @ x
    penalty = strength * float(share @ np.square(centred).sum(axis=1)) / x.shape[1]
    curvature = (design * share[:, None]).T @ design
    return curvature + _penalised(penalty, x.shape[1]), share * (y - (x @ slope + offset))


def with_offset(x: Floats) -> Floats:
    """Append a column of ones: ``(N, q + 1)``."""
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def _penalised(penalty: float, size: int) -> Floats:
    return np.diag(np.append(np.full(size, penalty), 0.0))


def log_loss(scores: Floats, y: NDArray[np.bool_], weights: Floats) -> float:
    """Weighted mean of -ln p of what happened."""
    return float(np.average(np.logaddexp(0.0, np.where(y, -scores, scores)), weights=weights))


def absolute_error(scores: Floats, y: Floats, weights: Floats) -> float:
    """Weighted mean absolute error."""
    return float(np.average(np.abs(scores - y), weights=weights))


def choose_strength(
    fit: Callable[..., Line],
    loss: Callable[..., float],
    strengths: tuple[float, ...],
    x: Floats,
    y: NDArray[np.generic],
    weights: Floats,
    held_out: Sequence[NDArray[np.bool_]],
) -> float:
    """Give the strength with the least loss on subjects held out of its fit.

    Parameters
    ----------
    fit, loss
        The model and what it is judged by.
    strengths
        Those to try.
    x, y, weights
        ``(N, q)``, ``(N,)`` and ``(N,)``.
    held_out
        ``(N,)`` images of subjects that are held out, once for each time that this is done.
    """
    losses = np.zeros(len(strengths))
    for held in held_out:
        for place, strength in enumerate(strengths):
            slope, offset = fit(x[~held], y[~held], weights[~held], strength)
            losses[place] += loss(x[held] @ slope + offset, y[held], weights[held])
    return strengths[int(np.argmin(losses))]
