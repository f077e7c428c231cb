"""The first paragraph: what a data steward has to know, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reid_engine.report.figures.strip import draw_strip
from reid_engine.report.page.numbers import both, finite, share, share_span
from reid_engine.report.page.selection import Group, Results
from reid_engine.report.words import count, one_line, plural

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Card:
    """What is said of one group.

    Attributes
    ----------
    label, images
        The group, and what its images are in words.
    rate, between, chance
        Rank-1 with the strongest attacker, its interval and chance; empty where there is none.
    strip
        The same drawn.
    reason
        Why there is no rate, or no interval.
    measured
        On what, and by whom.
    sentences
        What else is to be said, where there is room.
    """

    label: str
    images: str
    rate: str
    between: str
    chance: str
    strip: Markup | None
    reason: str
    measured: str = ""
    sentences: Sequence[str] = ()


MOST_SAID = 3
"""Groups that the first sentence names one by one."""


def lede(results: Results) -> str:
    """Say in one sentence how many images find their own person; nothing where no rate is known."""
    known = [(group, row) for group in results.groups if (row := _strongest_row(results, group)) is not None]
    if not known:
        return ""
    if len(known) > MOST_SAID:
        known.sort(key=lambda one: float(one[1]["value"]))
        (lowest, least), (highest, most) = known[0], known[-1]
        return (
            f"In {len(known)} sets of images, between {share(least['value'])} ({lowest.label}) and "
            f"{share(most['value'])} ({highest.label}) find their own person as nearest neighbour."
        )
    said = [f"{share(row['value'])} of the {group.images}{_by_chance(row)}" for group, row in known]
    listed = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
    return f"With the strongest attacker tried, {listed} find their own person as nearest neighbour."


def _strongest_row(results: Results, group: Group) -> Json | None:
    attack = results.strongest(group)
    row = None if attack is None else results.rank1(group, attack)
    return row if row is not None and finite(row.get("value")) is not None else None


def _by_chance(row: Json) -> str:
    chance = finite(row.get("chance"))
    return "" if chance is None else f" (chance: {share(chance)})"


def cards(results: Results) -> list[Card]:
    """Give one card a group."""
    return [_card(results, group) for group in results.groups]


def _card(results: Results, group: Group) -> Card:
    attack = results.strongest(group)
    row = None if attack is None else results.rank1(group, attack)
    value = None if row is None else finite(row.get("value"))
    reason = one_line((row or {}).get("note") or "")
    if attack is None or row is None or value is None:
        reason = reason or "no rate was measured"
        return Card(group.label, group.images, "", "", "", None, reason)
    ends, chance = both(row.get("ci95")), finite(row.get("chance"))
    said = [_subjects(results, group), *_against_chance(ends, chance), *_controls(results, group), _noted(reason)]
    return Card(
        label=group.label,
        images=group.images,
        rate=share(value),
        between=share_span(ends),
        chance="" if chance is None else share(chance),
        strip=draw_strip(value, ends, chance),
        reason=reason,
        measured=f"{_of(row)} who have two or more images here; strongest attacker tried: {attack.label}.",
        sentences=[sentence for sentence in said if sentence],
    )


def _noted(note: str) -> str:
    """Say what there is to know about the rate, such as that its encoder learnt from these people."""
    return f"{note[0].upper()}{note[1:]}." if note else ""


def _subjects(results: Results, group: Group) -> str:
    """Say for how many people any, and all, of the images are found."""
    attack = results.strongest(group)
    if attack is None:
        return ""
    some, every = (results.rank1(group, attack, level=level) or {} for level in ("subject-any", "subject-all"))
    if finite(some.get("value")) is None or finite(every.get("value")) is None:
        return ""
    return (
        f"Of {share(some['value'])} of the people at least one image is found in this way{_in_brackets(some)}, "
        f"of {share(every['value'])} every image{_in_brackets(every)}."
    )


def _in_brackets(row: Json) -> str:
    text = share_span(row.get("ci95"))
    return f" ({text})" if text else ""


def _of(row: Json) -> str:
    images, subjects = finite(row.get("images")), finite(row.get("subjects"))
    if images is None or subjects is None:
        return "images of people"
    people = "1 person" if subjects == 1 else f"{count(int(subjects))} people"
    return f"{plural(int(images), 'image')} of {people}"


def _against_chance(ends: tuple[float, float] | None, chance: float | None) -> list[str]:
    if ends is None or chance is None or ends[0] > chance:
        return []
    return ["The interval reaches down to chance: these images were not shown to be re-identifiable by this attacker."]


def _controls(results: Results, group: Group) -> list[str]:
    """Say what is left without near-duplicates, without the same visit, and without learned anatomy."""
    attack = results.strongest(group)
    said = []
    for stratum, words in (
        ("near-duplicates removed", "near-identical pictures left out"),
        ("different sessions", "counting only other visits"),
    ):
        row = None if attack is None else results.rank1(group, attack, stratum)
        if row is not None and finite(row.get("value")) is not None:
            said.append(f"{words}: {share(row['value'])}{_in_brackets(row)}")
    baseline = results.strongest(group, results.attacks(group, baselines=True))
    row = None if baseline is None else results.rank1(group, baseline)
    if baseline is not None and row is not None and finite(row.get("value")) is not None:
        said.append(f"best baseline, {baseline.label}: {share(row['value'])}{_in_brackets(row)}")
    text = "; ".join(said)
    return [f"{text[0].upper()}{text[1:]}."] if said else []
