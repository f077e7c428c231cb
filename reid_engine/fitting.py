"""Fit and store what checks need: attackers, calibrations, domains and probes of every modality."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.attack import Attack, fit_attack
from reid_engine.basis import Basis, fit_basis
from reid_engine.carried import carried_by, learnt_by
from reid_engine.domain import Domain, fit_domain
from reid_engine.errors import ProbeError
from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.matcher.duplicates import near_duplicate_pairs
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.plda_crossfit import shortage
from reid_engine.matcher.population import Population, arrange
from reid_engine.matcher.snapshot import Snapshot
from reid_engine.pixels import measure_pixels
from reid_engine.probes.attributes import Attribute, attributes_of
from reid_engine.probes.fit import fit_bases, fit_probe
from reid_engine.probes.probe import Probe
from reid_engine.progress import Progress, silent
from reid_engine.scan import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

VERSION = 4
"""Goes up when what is stored, or how it is fitted, changes; models of another version are fitted again."""

READABLE = (2, 3, VERSION)
"""Versions that checks can use until then. With 2, PLDA was not among the attackers; with 3, only the gallery's own."""

FEWEST_IMAGES = 3
"""Images of a modality below which nothing is fitted to it."""

Loaded = tuple[dict[str, NDArray[Any]], dict[str, Any]]


@dataclass(frozen=True)
class ModalityFit:
    """What was fitted for one modality.

    Attributes
    ----------
    subjects, images
        How many.
    attacker
        The strongest back-end; None where nothing could be fitted.
    rank_1
        Share of enrolled images that each back-end re-identifies, with its interval.
    uncalibrated
        Why similarities have no likelihood ratio; None when they have.
    calibration
        Counts and quality of the calibration.
    domain
        Whether strangers can be told.
    probes
        Quality of each probe, by attribute.
    unprobed
        Why an attribute has no probe, by attribute.
    """

    modality: str
    subjects: int
    images: int
    attacker: str | None
    rank_1: Mapping[str, Any]
    uncalibrated: str | None
    calibration: Mapping[str, Any] | None
    domain: bool
    probes: Mapping[str, Any]
    unprobed: Mapping[str, str]


@dataclass(frozen=True)
class Fitting:
    """What `fit_gallery` found or fitted.

    Attributes
    ----------
    modalities
        One entry a modality.
    fitted
        Modalities that were fitted now; the others were current.
    """

    modalities: tuple[ModalityFit, ...]
    fitted: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give plain finite values."""
        from reid_engine.plain import plain

        document: dict[str, Any] = plain(asdict(self))
        return document


def known_modalities(gallery: Gallery) -> tuple[str, ...]:
    """Modalities that models are fitted to: all but the unknown."""
    return tuple(name for name in gallery.modalities if name != UNKNOWN)


def model_names(modality: str) -> tuple[str, str]:
    """Names of a modality's models in a gallery: the attack and the probes."""
    return f"attack-{modality}", f"probes-{modality}"


def load_attack(gallery: Gallery, modality: str) -> Attack | None:
    """Give a modality's attack; None where it has to be fitted (again)."""
    model = _load(gallery, model_names(modality)[0])
    return Attack.from_model(*model) if model else None


def load_probes(gallery: Gallery, modality: str) -> tuple[Probe, ...] | None:
    """Give a modality's probes; None where they have to be fitted (again)."""
    model = _load(gallery, model_names(modality)[1])
    if model is None:
        return None
    arrays, facts = model
    return tuple(
        Probe.restore(
            {name: arrays[f"{number}.{name}"] for name in ("prior", "weights", "offsets", "scaling", "error")}, held
        )
        for number, held in enumerate(facts["probes"])
    )


def load_unprobed(gallery: Gallery, modality: str) -> dict[str, str]:
    """Give why an attribute of a modality has no probe, by attribute; empty where probes have to be fitted (again)."""
    model = _load(gallery, model_names(modality)[1])
    return dict(model[1]["refused"]) if model else {}


def fit_gallery(gallery: Gallery, *, progress: Progress = silent) -> Fitting:
    """Fit what checks need and store it in the gallery; what is current is left alone.

    For each modality: the back-ends, of which the strongest is kept (PLDA is fitted where enough subjects have
    several images; else that of the encoder is taken, if it carries one); its calibration and trials; the domain; and
    a probe for each attribute of the table that enough subjects have.

    Parameters
    ----------
    gallery
        Enrolled images. Another process must not enrol meanwhile.
    progress
        Called before each part.

    Raises
    ------
    GalleryError
        The gallery cannot be written, or changed meanwhile.
    """
    modalities = known_modalities(gallery)
    stale = [name for name in modalities if not _is_current(gallery, name)]
    for number, modality in enumerate(stale):
        progress(2 * number, 2 * len(stale), f"fitting the attack on {modality}")
        work = Work(gallery.snapshot(), modality)
        work.save_attack(gallery)
        progress(2 * number + 1, 2 * len(stale), f"fitting probes on {modality}")
        work.save_probes(gallery)
    progress(2 * len(stale), 2 * len(stale), "fitted")
    return Fitting(tuple(_described(gallery, name) for name in modalities), tuple(stale))


class Work:
    """One modality's images, arranged once for everything that is fitted to them.

    Parameters
    ----------
    snapshot
        The gallery's rows.
    modality
        One that is enrolled.
    """

    def __init__(self, snapshot: Snapshot, modality: str) -> None:
        self.modality = modality
        rows = snapshot.positions_of(modality)
        self.table: pd.DataFrame = snapshot.table.iloc[rows]
        subjects = self.table["subject_id"].to_numpy(dtype=object)
        self.thumbnails = snapshot.thumbnails[rows]
        near = near_duplicate_pairs(self.thumbnails, subjects=subjects)
        self.population: Population = arrange(
            subjects, self.table["session_id"].to_numpy(dtype=object), near, np.arange(len(rows))
        )
        self.vectors = snapshot.vectors_of(modality)[self.population.rows]
        self.appearances = snapshot.appearances_of(modality)[self.population.rows]
        self.enough = len(rows) >= FEWEST_IMAGES
        self.bases: tuple[Basis, ...] = ()
        if self.enough and len(np.unique(self.population.folds)) > 1:
            self.bases = fit_bases(self.vectors, self.population.image_folds)

    def save_attack(self, gallery: Gallery) -> None:
        """Fit and store the attack, or why there is none."""
        attack_name, _ = model_names(self.modality)
        if not self.bases:
            gallery.save_model(attack_name, {}, {"version": VERSION, "empty": True})
            return
        attack = fit_attack(self.vectors, self.population, self._domain(), self._carried(gallery))
        arrays, facts = attack.to_model()
        pixels = measure_pixels(self.thumbnails[self.population.rows], self.population, facts["sessions"])
        learnt = learnt_by(gallery.encoder, self.modality, self.table["pixel_digest"])
        gallery.save_model(attack_name, arrays, {**facts, "pixels": pixels, "learnt": learnt, "version": VERSION})

    def _carried(self, gallery: Gallery) -> CarriedPlda | None:
        """Give the encoder's PLDA where one of the gallery's own cannot be had and it knows none of these images."""
        if shortage(self.population) is None:
            return None
        found = carried_by(gallery.encoder, self.modality)
        return found.unless_fitted_on(self.table["pixel_digest"]) if found else None

    def _domain(self) -> Domain | None:
        codes, folds = self.population.codes, self.population.image_folds
        if not self.appearances.shape[1]:
            return fit_domain(self.vectors, codes, folds, self.bases, fit_basis(self.vectors))
        bases = fit_bases(self.appearances, folds)
        return fit_domain(self.appearances, codes, folds, bases, fit_basis(self.appearances), by_appearance=True)

    def save_probes(
        self, gallery: Gallery, attributes: Collection[str] | None = None, *, progress: Progress = silent
    ) -> None:
        """Fit and store the probes, and why an attribute has none.

        Parameters
        ----------
        gallery
            The one whose rows these are.
        attributes
            Those to fit anew, all where None; of the others what is stored stays, and what is missing is fitted.
        progress
            Called before each attribute of the table.
        """
        kept = {} if attributes is None else _kept(gallery, self.modality, attributes)
        arrays: dict[str, NDArray[Any]] = {}
        fitted: list[dict[str, Any]] = []
        refused: dict[str, str] = {}
        table = self.table.iloc[self.population.rows]
        found = attributes_of(table) if self.bases else ()
        for number, attribute in enumerate(found):
            progress(number, len(found), f"fitting probes on {self.modality}")
            outcome = kept.get(attribute.name) or self._probe(attribute)
            if isinstance(outcome, str):
                refused[attribute.name] = outcome
                continue
            arrays |= {f"{len(fitted)}.{name}": array for name, array in outcome.to_arrays().items()}
            fitted.append(outcome.facts())
        facts = {"probes": fitted, "refused": refused, "version": VERSION}
        gallery.save_model(model_names(self.modality)[1], arrays, facts)

    def _probe(self, attribute: Attribute) -> Probe | str:
        """Fit a probe, or say why there is none."""
        ids = [self.population.subjects[code] for code in self.population.codes]
        try:
            return fit_probe(
                self.vectors, attribute.values, ids, attribute.kind, attribute=attribute.name, bases=self.bases
            )
        except ProbeError as error:
            return str(error)


def _kept(gallery: Gallery, modality: str, anew: Collection[str]) -> dict[str, Probe | str]:
    """Give what is stored of the attributes that are not fitted anew: a probe, or why there is none."""
    stored: dict[str, Probe | str] = {probe.attribute: probe for probe in load_probes(gallery, modality) or ()}
    stored |= load_unprobed(gallery, modality)
    return {name: outcome for name, outcome in stored.items() if name not in anew}


def _load(gallery: Gallery, name: str) -> Loaded | None:
    model = gallery.load_model(name)
    if model is None or model[1].get("version") not in READABLE or model[1].get("empty"):
        return None
    return model


def _is_current(gallery: Gallery, modality: str) -> bool:
    models = [gallery.load_model(name) for name in model_names(modality)]
    return all(model is not None and model[1].get("version") == VERSION for model in models)


def _described(gallery: Gallery, modality: str) -> ModalityFit:
    attack = load_attack(gallery, modality)
    probes = gallery.load_model(model_names(modality)[1])
    facts = probes[1] if probes else {"probes": [], "refused": {}}
    rows = gallery.positions_of(modality)
    return ModalityFit(
        modality=modality,
        subjects=int(gallery.table["subject_id"].iloc[rows].nunique()),
        images=len(rows),
        attacker=attack.backend.name if attack else None,
        rank_1=attack.facts["rank_1"] if attack else {},
        uncalibrated=attack.facts["uncalibrated"] if attack else "there are too few images",
        calibration=attack.calibration.facts if attack and attack.calibration else None,
        domain=attack is not None and attack.domain is not None,
        probes={held["attribute"]: held["quality"] for held in facts["probes"]},
        unprobed=facts["refused"],
    )
