"""Fit the leakage probes of a gallery again, all or some, and tell how well each did."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reid_engine.errors import ProbeError, SmallClassesError
from reid_engine.fitting import FEWEST_IMAGES, Work, known_modalities, load_probes, load_unprobed
from reid_engine.matcher.gallery import Gallery
from reid_engine.probes.attributes import Attribute, Kind, attributes_of
from reid_engine.probes.fit import FEWEST_SUBJECTS_PER_CLASS, class_counts, usable_images
from reid_engine.probes.probe import Probe, finite
from reid_engine.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

SHOWN_CLASSES = 12
"""Most classes whose counts a sentence lists."""


@dataclass(frozen=True)
class ClassCount:
    """Subjects of one class.

    Attributes
    ----------
    name
        None where it is withheld, because few subjects share it.
    subjects
        How many.
    """

    name: str | None
    subjects: int


@dataclass(frozen=True)
class ProbeOutcome:
    """How well a probe did on subjects it had not seen.

    Attributes
    ----------
    modality, attribute, kind
        What was probed; `kind` is ``"class"`` or ``"number"``.
    classes
        Those that are told apart, in the probe's order; empty for a number.
    left_out
        Classes with too few subjects, the largest first.
    metric, value, ci95
        ``"auc"`` (macro mean of one against the rest for more than two classes) or ``"mae"``, and its 95 % interval;
        None where it cannot be estimated.
    chance, p_value
        The metric where nothing leaks, and the share of permutations of the subjects' values that do as well.
    subjects, images
        How many were used.
    note
        What was left out; None where nothing was.
    """

    modality: str
    attribute: str
    kind: Kind
    classes: tuple[ClassCount, ...]
    left_out: tuple[ClassCount, ...]
    metric: str
    value: float | None
    ci95: tuple[float, float] | None
    chance: float | None
    p_value: float | None
    subjects: int
    images: int
    note: str | None


@dataclass(frozen=True)
class Unprobed:
    """An attribute of a modality without a probe, and why."""

    modality: str
    attribute: str
    reason: str


@dataclass(frozen=True)
class Probing:
    """What `fit_probes` fitted.

    Attributes
    ----------
    probes
        One a modality and attribute.
    unprobed
        Attributes of which nothing can be said.
    """

    probes: tuple[ProbeOutcome, ...]
    unprobed: tuple[Unprobed, ...]

    def to_json(self) -> dict[str, Any]:
        """Give plain values; no ids are among them."""
        return {"probes": [asdict(row) for row in self.probes], "unprobed": [asdict(row) for row in self.unprobed]}


def probed_attributes(gallery: Gallery) -> tuple[str, ...]:
    """Names of the attributes that the gallery's table has in any modality; enough subjects or not."""
    return tuple(dict.fromkeys(name for part in _parts(gallery, discreet=True) for name in part.attributes))


def fit_probes(
    gallery: Gallery,
    attributes: Sequence[str] | None = None,
    *,
    discreet: bool = False,
    progress: Progress = silent,
) -> Probing:
    """Fit probes anew and store them in the gallery, where checks read them.

    Parameters
    ----------
    gallery
        Enrolled images. Another process must not enrol meanwhile.
    attributes
        Columns of the table; probes of others stay as they are. None fits every attribute there is.
    discreet
        Whether to withhold what may point to one person or comes from the caller: names of classes with fewer than 20
        subjects, and of attributes that the table lacks.
    progress
        Called before each attribute of each modality.

    Raises
    ------
    ProbeError
        An attribute is not in the table, or in no modality have enough subjects a value of it; nothing is stored then.
    GalleryError
        The gallery cannot be written, or changed meanwhile.
    """
    parts = _parts(gallery, discreet=discreet)
    names = None if attributes is None else tuple(dict.fromkeys(attributes))
    if names is not None:
        _refuse_unknown(names, probed_attributes(gallery), discreet=discreet)
        for name in names:
            _refuse_small(name, parts)
    total = sum(len(part.attributes) for part in parts)
    before = 0
    for part in parts:
        progress(before, total, f"fitting probes on {part.modality}")
        work = Work(gallery.snapshot(), part.modality)
        work.save_probes(gallery, names, progress=_after(before, total, progress))
        before += len(part.attributes)
    progress(total, total, "fitting probes")
    return _outcome(gallery, parts, names)


def read_probes(gallery: Gallery, attributes: Sequence[str] | None = None, *, discreet: bool = False) -> Probing:
    """Tell of the probes that are stored in a gallery, without fitting any; parameters as of `fit_probes`."""
    return _outcome(gallery, _parts(gallery, discreet=discreet), attributes)


class _Part:
    """One modality's rows: which attributes they have, and whether subjects suffice."""

    def __init__(self, modality: str, table: "pd.DataFrame", *, discreet: bool) -> None:
        self.modality = modality
        self.attributes: dict[str, Attribute] = {one.name: one for one in attributes_of(table)}
        self._ids = [str(name) for name in table["subject_id"]]
        self._discreet = discreet

    def problem(self, name: str) -> str | None:
        """Why an attribute cannot be probed; None where it can."""
        attribute = self.attributes.get(name)
        if attribute is None:
            return "no image has a value that tells it from another"
        if len(self._ids) < FEWEST_IMAGES:
            return f"there are {len(self._ids)} images, and a probe needs {FEWEST_IMAGES} at the least"
        try:
            usable_images(attribute.values, self._ids, attribute.kind, name)
        except SmallClassesError as error:
            return (
                f"a probe needs two classes with {FEWEST_SUBJECTS_PER_CLASS} subjects or more; "
                f"there {'is' if len(error.counts) == 1 else 'are'} {self._listed(error.counts)}"
            )
        except ProbeError as error:
            return str(error).removeprefix(f"{name}: ")
        return None

    def outcome(self, probe: Probe) -> ProbeOutcome:
        """Tell of a probe that was fitted to these rows."""
        counts = self._counts(probe)
        left_out = {name: count for name, count in counts.items() if name not in probe.classes}
        quality, note = probe.quality, None
        if left_out:
            noun = "class with" if len(left_out) == 1 else "classes with"
            fewest = f"fewer than {FEWEST_SUBJECTS_PER_CLASS} subjects"
            note = f"left out: {len(left_out)} {noun} {fewest} ({self._listed(left_out)})"
        low, high = finite(quality.low), finite(quality.high)
        return ProbeOutcome(
            modality=self.modality,
            attribute=probe.attribute,
            kind=probe.kind,
            classes=tuple(ClassCount(name, counts[name]) for name in probe.classes),
            left_out=tuple(ClassCount(self._shown(name, count), count) for name, count in left_out.items()),
            metric=quality.metric,
            value=finite(quality.value),
            ci95=None if low is None or high is None else (low, high),
            chance=finite(quality.chance),
            p_value=finite(quality.p_chance),
            subjects=quality.subjects,
            images=quality.images,
            note=note,
        )

    def _counts(self, probe: Probe) -> dict[str, int]:
        return class_counts(self.attributes[probe.attribute].values, self._ids) if probe.kind == "class" else {}

    def _shown(self, name: str, count: int) -> str | None:
        return None if self._discreet and count < FEWEST_SUBJECTS_PER_CLASS else name

    def _listed(self, counts: Mapping[str, int]) -> str:
        """Give "F 14, M 10", or the counts alone."""
        items = [f"{self._shown(name, count) or 'one of'} {count}" for name, count in counts.items()]
        more = len(items) - SHOWN_CLASSES
        return ", ".join(items[:SHOWN_CLASSES]) + (f", and {more} more" if more > 0 else "")


def _after(before: int, total: int, progress: Progress) -> Progress:
    """Give a progress whose steps are the later ones of a longer work."""
    return lambda done, _, what: progress(before + done, total, what)


def _parts(gallery: Gallery, *, discreet: bool) -> list[_Part]:
    return [
        _Part(name, gallery.table.iloc[gallery.positions_of(name)], discreet=discreet)
        for name in known_modalities(gallery)
    ]


def _refuse_unknown(names: Sequence[str], known: Sequence[str], *, discreet: bool) -> None:
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    what = "an attribute that was asked for" if discreet else f"the attribute {unknown[0]!r}"
    there = f"there are {', '.join(known)}" if known else "there are none: no column of it describes the subjects"
    raise ProbeError(f"{what} is not in the gallery's table, or tells no subjects apart; {there}")


def _refuse_small(name: str, parts: Sequence[_Part]) -> None:
    """Refuse an attribute that cannot be probed in any modality."""
    problems = {part.modality: problem for part in parts if (problem := part.problem(name))}
    if len(problems) == len(parts):
        raise ProbeError(f"{name} cannot be probed; " + "; ".join(f"{key}: {text}" for key, text in problems.items()))


def _outcome(gallery: Gallery, parts: Sequence[_Part], names: Sequence[str] | None) -> Probing:
    probes: list[ProbeOutcome] = []
    unprobed: list[Unprobed] = []
    for part in parts:
        fitted = {probe.attribute: probe for probe in load_probes(gallery, part.modality) or ()}
        stored = load_unprobed(gallery, part.modality)
        for name in part.attributes if names is None else names:
            if name in fitted:
                probes.append(part.outcome(fitted[name]))
            else:
                reason = part.problem(name) or stored.get(name, "no probe was fitted").removeprefix(f"{name}: ")
                unprobed.append(Unprobed(part.modality, name, reason))
    return Probing(tuple(probes), tuple(unprobed))
