"""Groups of images that somebody has to look at before any rate is believed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reid_engine.report.page.numbers import finite, negative
from reid_engine.report.page.selection import group_of
from reid_engine.report.words import count, number, one_line, plural

Json = Mapping[str, Any]

KINDS = {
    "identical": ("Identical images", "The same bytes or pixels."),
    "near": ("Near-identical images of different people", "The same picture, slightly changed, under two ids."),
    "two subjects look like one": (
        "Two people who look like one",
        "Images under two ids as alike as one person's are.",
    ),
    "subject looks like two": ("One person who looks like two", "Images under one id as unlike as two people's are."),
}
"""Kinds of groups, the most serious first, with what they are."""

OWN_OR_NOT = "identical"
"""The kind whose groups may be of one person or of several."""

MOST_GROUPS = 40
"""Groups of a kind that are listed; all are in report.json."""

MOST_IDS = 12
"""Ids of a group that are listed."""


@dataclass(frozen=True)
class Kind:
    """Groups of one kind: how many, under several subjects where it can be either, and, unless shared, which."""

    title: str
    meaning: str
    total: int
    crossing: int
    groups: Sequence["Found"]
    notes: Sequence[str]

    @property
    def left_out(self) -> int:
        """How many groups are not listed."""
        return self.total - len(self.groups)


@dataclass(frozen=True)
class Found:
    """One group."""

    label: str
    samples: Sequence[str]
    subjects: Sequence[str]
    more: int
    similarity: str
    note: str


def kinds(groups: Sequence[Json], notes: Sequence[Json] = (), *, shareable: bool) -> list[Kind]:
    """Sort the groups by kind; of a shareable report only how many there are.

    Parameters
    ----------
    groups
        Of the report.
    notes
        What was looked at for a kind, and why it could not be, where that is known.
    shareable
        Whether ids are left out.
    """
    named = dict.fromkeys([*KINDS, *(str(one.get("kind")) for one in (*groups, *notes))])
    found = [_kind(name, groups, notes, shareable=shareable) for name in named]
    return [kind for kind in found if kind.total or kind.notes]


def _kind(name: str, groups: Sequence[Json], notes: Sequence[Json], *, shareable: bool) -> Kind:
    mine = [group for group in groups if _is(group, name)]
    said = [f"{group_of(one).label}: {one_line(one['note'])}" for one in notes if _is(one, name) and one.get("note")]
    title, meaning = KINDS.get(name, (one_line(name), ""))
    crossing = sum(len(set(group.get("subject_ids") or [])) > 1 for group in mine) if name == OWN_OR_NOT else 0
    listed = () if shareable else tuple(_found(group) for group in mine[:MOST_GROUPS])
    return Kind(title, meaning, len(mine), crossing, listed, said)


def _is(one: Json, name: str) -> bool:
    return str(one.get("kind")) == name


def _found(group: Json) -> Found:
    samples = [one_line(one) for one in group.get("sample_ids") or []]
    subjects = [one_line(one) for one in dict.fromkeys(group.get("subject_ids") or [])]
    return Found(
        label=group_of(group).label,
        samples=samples[:MOST_IDS],
        subjects=subjects[:MOST_IDS],
        more=max(0, len(samples) - MOST_IDS),
        similarity=negative(number(finite(group.get("similarity")), 3)),
        note=one_line(group.get("note") or ""),
    )


def refused_lines(refused: Sequence[Json], *, shareable: bool) -> tuple[str, list[tuple[str, str]]]:
    """Say how many files could not be read, and which; of a shareable one how many, and why if none is named."""
    if not refused:
        return "Every file could be read.", []
    text = f"{plural(len(refused), 'file')} could not be read and {'is' if len(refused) == 1 else 'are'} left out."
    if shareable:
        nameless = Counter(one_line(one.get("reason") or "") for one in refused if not one.get("file"))
        reasons = [f"{count(number)} {reason}" for reason, number in nameless.items() if reason]
        return text + (f" Why: {', '.join(reasons)}." if reasons else ""), []
    listed = [(one_line(one.get("file") or ""), one_line(one.get("reason") or "")) for one in refused[:MOST_GROUPS]]
    rest = len(refused) - len(listed)
    return text + (
        f" The first {len(listed)} are listed; {count(rest)} more are in report.json." if rest else ""
    ), listed
