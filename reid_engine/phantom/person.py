"""Who the synthetic subjects are: sex, age, visits, and the seeds of their anatomy."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

SEX_EFFECT = 2.0
"""Distance between the sexes' means of a planted trait, in standard deviations within a sex.

A classifier that saw the trait itself would have AUC Φ(SEX_EFFECT / √2) = 0.92.
"""

FIRST_VISIT = date(2015, 1, 5)


@dataclass(frozen=True)
class Person:
    """One synthetic subject.

    Attributes
    ----------
    seed, index
        The cohort's seed and the subject's number from 0: together they fix everything.
    sex
        "F" or "M".
    age
        Years at the first visit.
    eye
        "L" or "R": the eye that is photographed where only one is.
    """

    seed: int
    index: int
    sex: str
    age: float
    eye: str

    def rng(self, *purpose: int) -> np.random.Generator:
        """Give the generator of one purpose, independent of all others and of the cohort's size."""
        return _rng(self.seed, 1, self.index, *purpose)

    def sex_trait(self, rng: np.random.Generator) -> float:
        """Draw a trait whose mean depends on sex: standard deviation 1 in each, positive rather female."""
        return float(rng.standard_normal() + (0.5 if self.sex == "F" else -0.5) * SEX_EFFECT)

    def visit(self, session: int) -> date:
        """Give the date of a session (from 0); visits are five months to two years apart."""
        rng = self.rng(2)
        start = FIRST_VISIT + timedelta(days=int(rng.integers(0, 700)))
        gaps = rng.integers(150, 730, size=max(session, 1))
        return start + timedelta(days=int(gaps[:session].sum()))

    def age_at(self, session: int) -> float:
        """Years at a session, one decimal."""
        passed = (self.visit(session) - self.visit(0)).days / 365.25
        return round(self.age + passed, 1)


def person(seed: int, index: int) -> Person:
    """Make subject `index` of the cohort with this seed; each pair (2k, 2k + 1) has one woman and one man."""
    coin = int(_rng(seed, 0, index // 2).integers(0, 2))
    rng = _rng(seed, 1, index)
    return Person(
        seed=seed,
        index=index,
        sex="FM"[(index + coin) % 2],
        age=round(float(rng.uniform(24.0, 84.0)), 1),
        eye="LR"[int(rng.integers(0, 2))],
    )


def _rng(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
