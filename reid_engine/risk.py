"""How identifying one scan is, measured against a gallery that an attacker could hold."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from reid_engine.aside import Aside
from reid_engine.attack import DEFAULT_PRIOR
from reid_engine.caveats import Circumstances, caveats
from reid_engine.domain import Domain
from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.encoder.model import Encoder
from reid_engine.errors import GalleryError, ReidError
from reid_engine.fitting import load_attack, load_probes, load_unprobed
from reid_engine.level import Evidence, judge
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.trials import FEWEST_SUBJECTS, Band, Trials
from reid_engine.risk_report import RiskReport
from reid_engine.roster import Roster, read_roster
from reid_engine.scan import UNKNOWN, Scan, to_unit
from reid_engine.search import look, match_rows, pixel_baseline, search

LEAST_CONTRAST = 0.005
"""Standard deviation of display values below which a scan shows nothing."""

CONTRAST_GRID = 256
"""Rows and columns of a grid of pixels over which that deviation is taken; a slice that has fewer is taken whole."""


@dataclass(frozen=True)
class _View:
    """A gallery's rosters, all of one commit."""

    rosters: Mapping[str, Roster]
    subjects: int
    samples: int
    generation: int


class RiskAssessor:
    """Checks scans against a gallery; made once, used often, by several threads if need be.

    What the attacker is taken to know: the gallery's images with their identities, the encoder, and everything that
    can be fitted on them. What the attacker gets: the pixels of one scan.

    Parameters
    ----------
    gallery
        Enrolled images, fitted by `reid_engine.fitting.fit_gallery`.
    encoder
        The one that the gallery was made with.

    Raises
    ------
    GalleryError
        The gallery was made with another encoder.
    """

    def __init__(self, gallery: Gallery, encoder: Encoder) -> None:
        _check_encoder(gallery, encoder.identity)
        self.gallery = gallery
        self.encoder = encoder
        self._lock = threading.Lock()
        self._view = self._read()

    def refresh(self) -> bool:
        """Take up what another process enrolled, removed or fitted meanwhile; True if there was something."""
        with self._lock:
            changed = self.gallery.reload() or self.gallery.generation != self._view.generation
            if changed:
                self._view = self._read()
            return changed

    def assess(
        self,
        scan: Scan,
        *,
        prior_enrolled: float = DEFAULT_PRIOR,
        population: int | None = None,
        top: int = 10,
    ) -> RiskReport:
        """Check one scan.

        Parameters
        ----------
        scan
            What `reid_engine.scan.read_scan` gave.
        prior_enrolled
            π, the probability beforehand that the person is among the `population`, in (0, 1].
        population
            N, the subjects an attacker could hold; the enrolled ones of the modality when left out, and no fewer.
        top
            Rows of `matches`, 1 or more.

        Raises
        ------
        ReidError
            A parameter is out of range.
        """
        _check_parameters(prior_enrolled, population, top)
        view = self._view
        roster = view.rosters.get(scan.modality)
        enrolled = len(roster.population.subjects) if roster else 0
        if population is not None and population < enrolled:
            raise ReidError(
                f"population is {population}, but {enrolled} subjects of this modality are enrolled; give that many or "
                "more, or leave it out"
            )
        case = _Case(self.encoder, view, scan, roster, prior_enrolled, population or enrolled, top)
        return case.report()

    def roster(self, modality: str) -> Roster | None:
        """Give what is enrolled of a modality, as it was at the last `refresh`; None where nothing is."""
        return self._view.rosters.get(modality)

    def _read(self) -> _View:
        snapshot = self.gallery.snapshot()
        rosters = {
            name: read_roster(
                snapshot,
                name,
                load_attack(self.gallery, name),
                load_probes(self.gallery, name) or (),
                load_unprobed(self.gallery, name),
            )
            for name in self.gallery.modalities
            if name != UNKNOWN
        }
        subjects = int(snapshot.table["subject_id"].nunique())
        return _View(rosters, subjects, len(snapshot), self.gallery.generation)


class _Case:
    """One check."""

    def __init__(
        self,
        encoder: Encoder,
        view: _View,
        scan: Scan,
        roster: Roster | None,
        prior_enrolled: float,
        population: int,
        top: int,
    ) -> None:
        self.encoder, self.view, self.scan, self.roster = encoder, view, scan, roster
        self.prior_enrolled, self.population, self.top = prior_enrolled, population, top
        looks = Aside(partial(look, roster, scan)) if roster else None  # while the network's input is made
        started = time.perf_counter()
        seen = encoder.take_in(scan)
        self.vector, self.appearance = seen[: encoder.dim], seen[encoder.dim :]
        embedded = time.perf_counter()
        self.distance, self.in_domain = self._domain()
        self.found = (
            search(roster, looks.result(), self.vector, prior_enrolled, population) if roster and looks else None
        )
        searched = time.perf_counter()
        self.timing = {"embed": 1e3 * (embedded - started), "search": 1e3 * (searched - embedded)}
        self._started = started

    def report(self) -> RiskReport:
        """Put the report together."""
        found, roster, identity = self.found, self.roster, self.encoder.identity
        matches = match_rows(roster, found, self.scan, self.top) if roster and found else []
        baseline = pixel_baseline(roster, found) if roster and found else None
        report = RiskReport(
            scan=self._scan(),
            encoder={"name": identity.name, "dim": identity.dim, "fingerprint": identity.fingerprint},
            gallery=self._gallery(),
            assumptions=self._assumptions(),
            risk=self._risk(),
            matches=matches,
            leakage=self._leakage(),
            leakage_unknown=self._leakage_unknown(),
            controls={"pixel_baseline": baseline},
            caveats=caveats(self._circumstances(matches, baseline)),
            timing_ms=self.timing,
        )
        self.timing["total"] = 1e3 * (time.perf_counter() - self._started)
        return report

    def _domain(self) -> tuple[float, bool | None]:
        """Distance from the gallery in units of its limit, and whether that is inside."""
        if _contrast(self.scan) < LEAST_CONTRAST:
            return math.nan, False
        if self.roster is None:
            return self._any_domain()
        domain = self.roster.attack.domain if self.roster.attack else None
        if domain is None:
            return math.nan, None
        distance = self._distance(domain)
        return distance, distance <= 1.0

    def _distance(self, domain: Domain) -> float:
        return domain.distance_of(self.vector, self.appearance)

    def _any_domain(self) -> tuple[float, bool | None]:
        """Without enrolled images of its kind: outside if the scan is like nothing that is enrolled."""
        attacks = {modality: roster.attack for modality, roster in self.view.rosters.items()}
        known = [
            self._distance_as(modality, attack.domain)
            for modality, attack in attacks.items()
            if attack and attack.domain
        ]
        if not known or len(known) < len(attacks):
            return math.nan, None
        return min(known), False if min(known) > 1.0 else None

    def _distance_as(self, modality: str, domain: Domain) -> float:
        """Distance from the images of another modality; features of two networks do not compare."""
        if not self.encoder.own_networks & {modality, self.scan.modality}:
            return self._distance(domain)
        seen = self.encoder.take_in(replace(self.scan, modality=modality))
        return domain.distance_of(seen[: self.encoder.dim], seen[self.encoder.dim :])

    def _obstacle(self) -> str | None:
        """Why no probability can be given, as a sentence."""
        modality, roster = self.scan.modality, self.roster
        if modality == UNKNOWN:
            return "The modality is not known; choose it, and check again."
        if roster is None:
            return f"The gallery holds no {modality} images to compare with."
        if roster.attack is None:
            return "The gallery has changed since it was fitted; fit it again."
        if self.in_domain is False:
            return f"The scan does not look like the {modality} images of this gallery."
        if roster.attack.calibration is None:
            return f"Similarities cannot be turned into probabilities: {roster.attack.facts['uncalibrated']}."
        return None

    def _risk(self) -> dict[str, Any]:
        obstacle, found = self._obstacle(), self.found
        belief = found.posterior if found and obstacle is None else None
        p = float(belief.p[found.top]) if belief and found else math.nan
        interval = found.ci95 if belief and found else (math.nan, math.nan)
        band = self._band(p) if belief else None
        copies = int(found.copies.sum()) if found else 0
        level, reason = judge(Evidence(obstacle, p, interval[1], band, self.in_domain, copies > 0))
        return {
            "level": level,
            "reason": reason,
            "p_reidentified": p,
            "ci95": list(interval) if belief else None,
            "subject_id": self._top_subject() if belief else None,
            "anonymity_set": belief.anonymity_set if belief else None,
            "p_not_enrolled": belief.p_absent if belief else None,
            "p_unseen": belief.p_unseen if belief else None,
            "band": _band_row(band),
            "copy_enrolled": copies > 0,
            "identical_enrolled": bool(found.identical.any()) if found else False,
        }

    def _top_subject(self) -> str | None:
        return self.roster.population.subjects[self.found.top] if self.roster and self.found else None

    def _band(self, p: float) -> Band | None:
        trials = self.roster.attack.trials if self.roster and self.roster.attack else None
        if trials is None:
            return None
        bands = _bands(_ById(trials), self.prior_enrolled)
        return next((band for band in reversed(bands) if p >= band.lo), bands[0])

    def _scan(self) -> dict[str, Any]:
        scan = self.scan
        return {
            "modality": scan.modality,
            "modality_source": scan.modality_source,
            "modality_confidence": scan.modality_confidence,
            "in_domain": self.in_domain,
            "domain_distance": self.distance,
            "laterality": scan.laterality,
            "view": scan.view,
            "slices": scan.shape[0],
            "rows": scan.shape[1],
            "columns": scan.shape[2],
            "colour": scan.is_colour,
        }

    def _gallery(self) -> dict[str, Any]:
        roster, view = self.roster, self.view
        return {
            "subjects": len(roster.population.subjects) if roster else 0,
            "samples": len(roster.population) if roster else 0,
            "all_subjects": view.subjects,
            "all_samples": view.samples,
            "modalities": list(view.rosters),
            "generation": view.generation,
        }

    def _assumptions(self) -> dict[str, Any]:
        attack = self.roster.attack if self.roster else None
        calibration = attack.calibration if attack else None
        return {
            "prior_enrolled": self.prior_enrolled,
            "population": self.population,
            "attacker": self.roster.backend.name if self.roster else None,
            "attackers": attack.facts["rank_1"] if attack else None,
            "calibration": {**calibration.facts, "reliability": self._reliability()} if calibration else None,
        }

    def _reliability(self) -> list[dict[str, Any] | None]:
        """Every band of probability with what was measured in it."""
        trials = self.roster.attack.trials if self.roster and self.roster.attack else None
        return [_band_row(band) for band in _bands(_ById(trials), self.prior_enrolled)] if trials else []

    def _leakage_unknown(self) -> list[dict[str, str]]:
        """Attributes that the table has and nothing is said of, and why."""
        if not self.roster:
            return []
        unknown = dict(self.roster.unprobed)
        if self.in_domain is False:
            why = "the scan does not look like the images that the probe was fitted on"
            unknown |= {probe.attribute: why for probe in self.roster.probes}
        return [{"attribute": name, "reason": why} for name, why in unknown.items()]

    def _leakage(self) -> list[dict[str, Any]]:
        """Read the probes that had not seen the most alike subject; nothing outside the domain."""
        if not self.roster or not self.found or self.in_domain is False:
            return []
        fold = int(self.roster.population.folds[self.found.order[0]])
        return [probe.read(self.vector, fold).to_json() for probe in self.roster.probes]

    def _circumstances(self, matches: Sequence[Mapping[str, Any]], baseline: Mapping[str, Any] | None) -> Circumstances:
        roster, found = self.roster, self.found
        case = Circumstances(
            self.scan.modality,
            in_domain=self.in_domain,
            absent=roster is None,
            trained=self._overlooks(),
            guessed=self.scan.modality_source == "image",
        )
        if roster is None or found is None:
            return case
        if roster.attack is None:
            case = replace(case, unfitted=True, in_domain=True)
        else:
            facts = roster.attack.facts
            case = replace(case, uncalibrated=facts["uncalibrated"], learnt=facts.get("learnt", 0))
        copied = np.unique(roster.population.codes[found.copies])
        calibration = roster.attack.calibration if roster.attack else None
        return replace(
            case,
            enrolled=len(roster.population),
            copies=int(found.copies.sum()),
            copy_alone=bool((found.evidence[copied] < 0).any()),
            same_day=bool(matches[0]["same_session"]),
            within_sessions=calibration is not None and _within_sessions(roster),
            weak_pixels=bool(baseline and baseline["agrees"]),
            bounded=calibration is not None and self._at_bound(roster, calibration.highest),
        )

    def _overlooks(self) -> bool:
        """Whether strangers are told by features that were trained to overlook what is strange."""
        domain = self.roster.attack.domain if self.roster and self.roster.attack else None
        return domain is not None and not domain.by_appearance and self.encoder.knows_people(self.scan.modality)

    def _at_bound(self, roster: Roster, highest: Callable[[int], float]) -> bool:
        """Whether the top subject's ratio could not be higher in this gallery."""
        found = self.found
        if found is None:
            return False
        return bool(found.llr[found.top] >= highest(int(roster.population.folds[found.top])) - 1e-9)


class _ById:
    """Trials as a key of a cache: the same object, not equal contents."""

    def __init__(self, trials: Trials) -> None:
        self.trials = trials

    def __hash__(self) -> int:
        return id(self.trials)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.trials is self.trials


@lru_cache(maxsize=64)
def _bands(key: _ById, prior_enrolled: float) -> tuple[Band, ...]:
    return key.trials.bands(prior_enrolled)


def _band_row(band: Band | None) -> dict[str, Any] | None:
    if band is None:
        return None
    return {
        "lo": band.lo,
        "hi": band.hi,
        "reidentified": band.reidentified,
        "note": None if band.low is not None else f"fewer than {FEWEST_SUBJECTS} subjects had such a probability",
        "ci95": None if band.low is None else [band.low, band.high],
        "n": band.n,
        "subjects": band.subjects,
    }


def _contrast(scan: Scan) -> float:
    """Give the standard deviation of display values over a grid of pixels."""
    down, right = (max(1, side // CONTRAST_GRID) for side in scan.shape[1:3])
    return float(to_unit(scan.values[:, ::down, ::right]).std(dtype=np.float64))


def _within_sessions(roster: Roster) -> bool:
    """Whether sessions are known and yet had to be compared within."""
    facts = roster.attack.facts if roster.attack else {}
    return facts.get("sessions") == "any" and bool((roster.population.sessions >= 0).any())


def _check_encoder(gallery: Gallery, identity: EncoderIdentity) -> None:
    if identity.fingerprint != gallery.encoder.fingerprint:
        raise GalleryError(
            f"{gallery.path}: the gallery was made with the encoder {gallery.encoder}, not with {identity}; load the "
            "encoder it was made with, or enrol into a new folder"
        )


def _check_parameters(prior_enrolled: float, population: int | None, top: int) -> None:
    if not 0.0 < prior_enrolled <= 1.0:
        raise ReidError(f"prior_enrolled is {prior_enrolled}; it is a probability above 0 and at most 1")
    if population is not None and population < 1:
        raise ReidError(f"population is {population}; it is a number of subjects, 1 or more")
    if top < 1:
        raise ReidError(f"top is {top}; it is a number of matches, 1 or more")
