"""Two regularised linear models, weighted so that every subject has one vote."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Line = tuple[Floats, float]
"""Weights ``(q,)`` and offset of a linear model."""

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
    held: NDArray[np.bool_],
) -> float:
    """Give the strength with the least loss on the subjects held out of its fit.

    Parameters
    ----------
    fit, loss
        The model and what it is judged by.
    strengths
        Those to try.
    x, y, weights
        ``(N, q)``, ``(N,)`` and ``(N,)``.
    held
        ``(N,)`` images of the subjects that are held out.
    """
    losses = []
    for strength in strengths:
        slope, offset = fit(x[~held], y[~held], weights[~held], strength)
        losses.append(loss(x[held] @ slope + offset, y[held], weights[held]))
    return strengths[int(np.argmin(losses))]
