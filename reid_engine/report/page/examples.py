"""The hardest and the most exposed images: what was looked for, what was found, and what should have been."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reid_engine.report.page.numbers import finite, negative
from reid_engine.report.page.selection import group_of
from reid_engine.report.pictures import data_uri
from reid_engine.report.words import count, number, one_line, percent

Json = Mapping[str, Any]

KINDS = {
    "most exposed": ("Most exposed", "Found with the greatest certainty: look here first before release."),
    "hardest": ("Hardest", "The person's own other image is ranked furthest down: what protects these?"),
}


@dataclass(frozen=True)
class Shot:
    """One picture with its caption; no picture where it could not be read."""

    caption: str
    name: str
    alt: str
    uri: Markup | None


@dataclass(frozen=True)
class Example:
    """A query with what was found and its own mate."""

    label: str
    facts: str
    shots: Sequence[Shot]


@dataclass(frozen=True)
class Gallery:
    """Examples of one kind."""

    title: str
    meaning: str
    examples: Sequence[Example]


def galleries(examples: Sequence[Json], pictures: Mapping[str, bytes]) -> list[Gallery]:
    """Lay out the examples that have at least the query's picture."""
    found = []
    for kind in dict.fromkeys([*KINDS, *(str(one.get("kind")) for one in examples)]):
        mine = [one for one in examples if str(one.get("kind")) == kind and one.get("sample_id") in pictures]
        if mine:
            title, meaning = KINDS.get(kind, (one_line(kind), ""))
            found.append(Gallery(title, meaning, [_example(one, pictures) for one in mine]))
    return found


def _example(one: Json, pictures: Mapping[str, bytes]) -> Example:
    query, found, mate = (one.get(key) for key in ("sample_id", "found_id", "mate_id"))
    shots = [_shot("query", query, pictures)]
    if found is not None and found == mate:
        shots.append(_shot("nearest found: the same person", found, pictures))
    else:
        shots += [_shot("nearest found: another person", found, pictures)] if found is not None else []
        shots += [_shot("own other image", mate, pictures)] if mate is not None else []
    return Example(group_of(one).label, _facts(one), shots)


def _shot(caption: str, name: Any, pictures: Mapping[str, bytes]) -> Shot:
    content = pictures.get(name)
    text = one_line(name)
    return Shot(caption, text, f"{caption}: {text}", data_uri(content) if content is not None else None)


def _facts(one: Json) -> str:
    p, similarity, rank = (finite(one.get(key)) for key in ("p", "similarity", "rank"))
    said = [
        f"probability {percent(p)}" if p is not None else "",
        f"similarity to own image {negative(number(similarity, 3))}" if similarity is not None else "",
        f"own image at rank {count(int(rank))}" if rank is not None else "",
    ]
    return ", ".join(part for part in said if part)
