"""Which images of a cohort are enrolled and which are held out to be found again."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reid_engine.cohort import Cohort, Sample
from reid_engine.errors import CohortError

IMAGES_OF_A_SUBJECT = 8
"""More images of one subject and modality are left out, so that many subjects fit into the limit."""

STRANGERS_FROM = 20
"""Among so many subjects with repeats, some may be left out of the gallery entirely."""

Group = tuple[Sample, ...]
"""Images of one subject and modality (and side, where there are repeats of one side), oldest first."""


@dataclass(frozen=True)
class Split:
    """A cohort divided for the demo.

    Attributes
    ----------
    enrolled
        What goes into the gallery.
    queries
        Held-out images whose subject is enrolled with other images of that modality.
    strangers
        Held-out images of subjects who are not enrolled at all.
    available, used
        Images of the cohort, and those that are enrolled or held out.
    whole_sessions
        Whether every query is of a session of which nothing is enrolled.
    same_side
        Whether every query's subject is enrolled with an image of the same side.
    """

    enrolled: Cohort
    queries: tuple[Sample, ...]
    strangers: tuple[Sample, ...]
    available: int
    used: int
    whole_sessions: bool
    same_side: bool


def split_cohort(cohort: Cohort, *, limit: int, queries: int, strangers: int, seed: int = 0) -> Split:
    """Divide a cohort.

    Parameters
    ----------
    cohort
        What there is.
    limit
        Most images that are used, enrolled or held out.
    queries, strangers
        Most held-out images for each modality, of enrolled subjects; and most subjects who are not enrolled.
    seed
        Of the order in which subjects are drawn.

    Raises
    ------
    CohortError
        No subject has two images of one modality, the newest of them a single file.
    """
    groups, same_side = _groups(cohort)
    if not any(len(group) > 1 and _can_be_sent(group) for group in groups):
        raise CohortError(
            str(cohort.root),
            [
                "no subject has two images of one modality, so none can be held out and found again; "
                "give a cohort with repeats"
            ],
        )
    chosen = _within(groups, limit, random.Random(seed))  # noqa: S311  an order, not a secret
    names = _outsiders(chosen, strangers)
    taken = _Division()
    for of_one_modality in _by_modality(chosen).values():
        taken.divide(of_one_modality, names, queries)
    used = {sample.sample_id for group in chosen for sample in group}
    kept = used - taken.held_out
    return Split(
        enrolled=replace(cohort, samples=tuple(s for s in cohort.samples if s.sample_id in kept)),
        queries=tuple(taken.queries),
        strangers=tuple(taken.strangers),
        available=len(cohort.samples),
        used=len(used),
        whole_sessions=taken.whole_sessions,
        same_side=same_side,
    )


def _groups(cohort: Cohort) -> tuple[list[Group], bool]:
    """Group by subject, modality and side; by subject and modality where no side is repeated."""
    sided = _grouped(cohort.samples, side=True)
    if any(len(group) > 1 for group in sided):
        return sided, True
    return _grouped(cohort.samples, side=False), False


def _can_be_sent(group: Group) -> bool:
    """Tell whether the newest image is one file, which is what a client sends."""
    return group[-1].path.is_file()


def _grouped(samples: Iterable[Sample], *, side: bool) -> list[Group]:
    groups: dict[tuple[str | None, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.subject_id, sample.modality, sample.laterality if side else None].append(sample)
    return [tuple(sorted(group, key=_when)[:IMAGES_OF_A_SUBJECT]) for group in groups.values()]


def _when(sample: Sample) -> tuple[str, str]:
    return sample.acquired or "", sample.session_id or ""


def _within(groups: Sequence[Group], limit: int, order: random.Random) -> list[Group]:
    """Draw groups until the limit is reached, those with repeats first."""
    drawn = list(groups)
    order.shuffle(drawn)
    drawn.sort(key=lambda group: len(group) < 2)
    chosen, images = [], 0
    for group in drawn:
        if images + len(group) <= limit:
            chosen.append(group)
            images += len(group)
    return chosen


def _by_modality(groups: Iterable[Group]) -> Mapping[str, list[Group]]:
    modalities: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        modalities[group[0].modality or ""].append(group)
    return dict(sorted(modalities.items()))


def _outsiders(groups: Sequence[Group], most: int) -> frozenset[str]:
    """Choose subjects to leave out of every modality: those with one image, or some of many with repeats."""
    images = Counter(group[0].subject_id for group in groups for _ in group)
    sent = dict.fromkeys(group[0].subject_id for group in groups if _can_be_sent(group))
    single = [name for name in sent if images[name] == 1]
    if len(single) >= 2:
        return frozenset(single[: min(most, len(single) // 2)])
    repeated = [name for name in sent if images[name] > 1]
    return frozenset(repeated[:most] if len(repeated) >= STRANGERS_FROM else [])


class _Division:
    """Collects what is held out."""

    def __init__(self) -> None:
        self.queries: list[Sample] = []
        self.strangers: list[Sample] = []
        self.held_out: set[str] = set()
        self.whole_sessions = True

    def divide(self, groups: Sequence[Group], outsiders: frozenset[str], queries: int) -> None:
        """Hold out from the groups of one modality."""
        first: dict[str, Group] = {}
        for group in sorted(groups, key=lambda group: len(group) < 3):  # with three, a pair stays to calibrate on
            name = group[0].subject_id
            if name in outsiders:
                self.held_out.update(sample.sample_id for sample in group)
            if _can_be_sent(group) and (len(group) > 1 or name in outsiders):
                first.setdefault(name, group)
        self.strangers += [group[-1] for name, group in first.items() if name in outsiders]
        insiders = [group for name, group in first.items() if name not in outsiders]
        everything = [sample for group in groups for sample in group]
        for group in insiders[: min(queries, (len(insiders) + 1) // 2)]:
            self._hold_out(group, everything)

    def _hold_out(self, group: Group, everything: Sequence[Sample]) -> None:
        """Hold out the last session, both sides of it, or the last image where there is only one session."""
        last = group[-1]
        visit = (last.subject_id, last.session_id)
        several = last.session_id is not None and any(s.session_id != last.session_id for s in group)
        self.whole_sessions &= several
        self.queries.append(last)
        held = [s for s in everything if (s.subject_id, s.session_id) == visit] if several else [last]
        self.held_out.update(sample.sample_id for sample in held)
