"""A fitted probe: linear models, one for each fold of subjects left out, and how well they did."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.probes.attributes import Kind

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """How well a probe did on subjects it had not seen; every subject has one vote.

    Attributes
    ----------
    metric
        ``"auc"`` (macro one against rest for more than two classes) or ``"mae"``.
    value, low, high
        The metric and its 95 % interval from resampling subjects.
    chance
        0.5, or the error of always saying the median.
    p_chance
        Share of permutations of the subjects' values that do at least as well.
    subjects, images
        How many were used.
    """

    metric: str
    value: float
    low: float
    high: float
    chance: float
    p_chance: float
    subjects: int
    images: int


@dataclass(frozen=True)
class Reading:
    """What a probe says of one scan.

    Attributes
    ----------
    prediction
        The likeliest class, or the expected number.
    p, prior
        Probability of that class, and its share among the enrolled subjects; None for a number.
    bits
        Information gained: Kullback-Leibler divergence of posterior from prior, in bits.
    interval95
        Prediction interval of a number.
    classes
        Probability of each class.
    """

    attribute: str
    kind: Kind
    prediction: str | float
    p: float | None
    prior: float | None
    bits: float
    interval95: tuple[float, float] | None
    classes: Mapping[str, float]
    quality: Quality

    def to_json(self) -> dict[str, Any]:
        """Give the row of a report; NaN becomes None."""
        quality = self.quality
        interval = [finite(quality.low), finite(quality.high)]
        error = quality.metric == "mae"
        return {
            "attribute": self.attribute,
            "kind": self.kind,
            "prediction": self.prediction,
            "p": self.p,
            "prior": self.prior,
            "bits": finite(self.bits),
            "interval95": list(self.interval95) if self.interval95 else None,
            "classes": dict(self.classes),
            "probe_auc": None if error else finite(quality.value),
            "probe_auc_ci95": None if error else interval,
            "probe_mae": finite(quality.value) if error else None,
            "probe_mae_ci95": interval if error else None,
            "chance": finite(quality.chance),
            "p_chance": finite(quality.p_chance),
            "n": quality.subjects,
            "images": quality.images,
        }


@dataclass(frozen=True)
class Probe:
    """Linear models of one attribute.

    Attributes
    ----------
    classes
        Names of the classes; empty for a number.
    prior
        ``(C,)`` share of the subjects in each class; for a number mean and standard deviation.
    weights, offsets
        ``(F, M, D)`` and ``(F, M)``: model m of the fold that is left out, on raw features. M is 1 for two classes and
        for a number, else the number of classes.
    scaling
        ``(M, 2)`` slope and offset that turn a class model's score into calibrated log odds.
    error
        For a number: half width of the 95 % prediction interval, and the standard deviation of the error.
    quality
        On held-out subjects.
    """

    attribute: str
    kind: Kind
    classes: tuple[str, ...]
    prior: Floats
    weights: NDArray[np.float32]
    offsets: Floats
    scaling: Floats
    error: Floats
    quality: Quality

    def read(self, vector: NDArray[np.float32], fold: int) -> Reading:
        """Read one raw embedding ``(D,)`` with the model that had not seen the subjects of `fold`."""
        raw = self.weights[fold].astype(np.float64) @ vector + self.offsets[fold]
        return self._number(float(raw[0])) if self.kind == "number" else self._class(raw)

    def held_out(self, vectors: NDArray[np.float32], folds: NDArray[np.int64]) -> Floats:
        """Model scores ``(N, M)`` of raw features ``(N, D)``, each by the model that left out its fold ``(N,)``."""
        scores = np.empty((len(vectors), self.weights.shape[1]))
        for fold in range(len(self.weights)):
            own = folds == fold
            scores[own] = vectors[own] @ self.weights[fold].T + self.offsets[fold]
        return scores

    def probabilities(self, raw: Floats) -> Floats:
        """Calibrated probabilities ``(..., C)`` from model scores ``(..., M)``."""
        logits = np.clip(raw * self.scaling[:, 0] + self.scaling[:, 1], -30, 30)
        each = 1.0 / (1.0 + np.exp(-logits))
        if len(self.scaling) == 1:
            return np.concatenate([1.0 - each, each], axis=-1)
        return np.asarray(each / each.sum(axis=-1, keepdims=True))

    def _class(self, raw: Floats) -> Reading:
        p = self.probabilities(raw)
        best = int(np.argmax(p))
        return Reading(
            attribute=self.attribute,
            kind=self.kind,
            prediction=self.classes[best],
            p=float(p[best]),
            prior=float(self.prior[best]),
            bits=information_gain(p, self.prior),
            interval95=None,
            classes={name: float(share) for name, share in zip(self.classes, p, strict=True)},
            quality=self.quality,
        )

    def _number(self, value: float) -> Reading:
        reach, spread = self.error
        return Reading(
            attribute=self.attribute,
            kind=self.kind,
            prediction=value,
            p=None,
            prior=None,
            bits=normal_gain(value, float(spread), float(self.prior[0]), float(self.prior[1])),
            interval95=(float(value - reach), float(value + reach)),
            classes={},
            quality=self.quality,
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a gallery stores; `facts` go beside them."""
        return {name: getattr(self, name) for name in ("prior", "weights", "offsets", "scaling", "error")}

    def facts(self) -> dict[str, Any]:
        """Give what is stored beside the arrays, as plain JSON."""
        quality = {name: finite(v) if isinstance(v, float) else v for name, v in asdict(self.quality).items()}
        return {
            "attribute": self.attribute,
            "kind": self.kind,
            "classes": list(self.classes),
            "quality": quality,
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Probe":
        """Restore what `to_arrays` and `facts` gave."""
        held: dict[str, Any] = {name: math.nan if v is None else v for name, v in facts["quality"].items()}
        return cls(
            attribute=facts["attribute"],
            kind=facts["kind"],
            classes=tuple(facts["classes"]),
            quality=Quality(**held),
            **{name: np.array(arrays[name]) for name in ("prior", "weights", "offsets", "scaling", "error")},
        )


def finite(value: float) -> float | None:
    """Give a plain float, or None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def information_gain(p: Floats, prior: Floats) -> float:
    """Kullback-Leibler divergence of the posterior `p` from `prior`, in bits; 0 when nothing was learnt."""
    held = p > 0
    return max(0.0, float(np.sum(p[held] * np.log2(p[held] / prior[held]))))


def normal_gain(mean: float, spread: float, prior_mean: float, prior_spread: float) -> float:
    """Kullback-Leibler divergence between two normal distributions, in bits."""
    if not (spread > 0 and prior_spread > 0):
        return math.nan
    ratio = (spread / prior_spread) ** 2
    shift = ((mean - prior_mean) / prior_spread) ** 2
    return max(0.0, 0.5 * (ratio + shift - 1.0 - math.log(ratio)) / math.log(2))
