"""Fits of many curves at once against general-purpose solvers."""

import numpy as np
import pytest

from reid_engine.matcher.logistic import SLOPE_SD, fit_curves, hinges


def histograms(seed, mated_mean=1.5, mated_sd=1.5, bins=300):
    rng = np.random.default_rng(seed)
    edges = np.linspace(-5, 8, bins + 1)
    up = np.histogram(rng.normal(mated_mean, mated_sd, 3000), edges)[0].astype(float)
    down = np.histogram(rng.normal(0, 1, 20000), edges)[0].astype(float)
    return (edges[1:] + edges[:-1]) / 2, up, down


def slow_fit(scores, knots, up, down, subjects):
    """Minimise the same cost with scipy; give the curve, and the cost as a function of any curve's coefficients."""
    from scipy.optimize import minimize

    centre = np.average(scores, weights=down)
    spread = np.sqrt(np.average((scores - centre) ** 2, weights=down))
    x = hinges((scores - centre) / spread, (knots - centre) / spread)
    up, down = 0.5 * up / up.sum(), 0.5 * down / down.sum()

    def cost(theta):
        z = x @ theta
        p = 1 / (1 + np.exp(-z))
        weak = 1 / (SLOPE_SD**2 * subjects)
        pull = np.r_[0.0, weak * theta[1:]]
        value = (up * np.logaddexp(0, -z) + down * np.logaddexp(0, z)).sum() + weak * (theta[1:] ** 2).sum() / 2
        return value, x.T @ (down * p - up * (1 - p)) + pull

    start = np.r_[0.0, 1.0, np.zeros(len(knots))]
    bounds = [(None, None)] + [(0, None)] * (len(knots) + 1)
    options = {"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30}
    found = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return x, found.x, lambda theta: cost(theta)[0]


@pytest.mark.parametrize("seed", range(4))
def test_curves_equal_those_of_a_general_solver(seed):
    scores, up, down = histograms(seed)
    knots = np.array([1.3, 2.3, 3.1])
    curve = hinges(scores, knots) @ fit_curves(scores, knots, up[None], down[None], 500)[0]
    x, theta, cost = slow_fit(scores, knots, up, down, 500)
    own = np.linalg.lstsq(x, curve, rcond=None)[0]
    assert cost(own) <= cost(theta) + 1e-9
    assert curve == pytest.approx(x @ theta, abs=0.02)


def test_the_true_log_ratio_of_two_normals_is_found():
    """N(1.5, 1.5) against N(0, 1): ln LR is a parabola; between -1 and 3 the curve follows it."""
    from scipy.stats import norm

    scores, up, down = histograms(11, bins=600)
    knots = np.array([1.3, 2.3, 3.1])
    curve = hinges(scores, knots) @ fit_curves(scores, knots, up[None], down[None], 3000)[0]
    truth = norm(1.5, 1.5).logpdf(scores) - norm(0, 1).logpdf(scores)
    inside = (scores > -1) & (scores < 3)
    assert np.abs(curve - truth)[inside].max() < 0.6


def test_many_fits_at_once_equal_one_at_a_time():
    both = [histograms(seed) for seed in range(6)]
    scores, knots = both[0][0], np.array([1.0, 2.0])
    up, down = np.stack([b[1] for b in both]), np.stack([b[2] for b in both])
    together = fit_curves(scores, knots, up, down, 100)
    for row in range(6):
        # The scores are standardised by all the others, so that the penalty differs a little.
        alone = fit_curves(scores, knots, up[row : row + 1], down[row : row + 1], 100)[0]
        assert hinges(scores, knots) @ together[row] == pytest.approx(hinges(scores, knots) @ alone, abs=0.02)


def test_a_curve_never_falls():
    scores, up, down = histograms(2, mated_mean=-1.5)
    curve = fit_curves(scores, np.array([1.0]), up[None], down[None], 100)[0]
    assert (curve[1:] >= 0).all()
    assert (np.diff(hinges(scores, np.array([1.0])) @ curve) >= -1e-12).all()


def test_scores_that_say_nothing_or_are_missing_give_no_evidence():
    scores = np.linspace(-1, 1, 50)
    falling = fit_curves(scores, np.empty(0), np.exp(-4 * scores)[None], np.exp(4 * scores)[None], 100)
    empty = fit_curves(scores, np.empty(0), np.zeros((1, 50)), np.ones((1, 50)), 100)
    assert not falling.any()
    assert not empty.any()


def test_separated_scores_get_a_finite_slope():
    scores = np.array([-1.0, 1.0])
    curve = fit_curves(scores, np.empty(0), np.array([[0.0, 5.0]]), np.array([[5.0, 0.0]]), 10)[0]
    assert np.isfinite(curve).all()
    assert 1 < curve[1] < 100
