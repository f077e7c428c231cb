"""Tables of the page: cells with intervals beneath, and notes that a cell points to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from reid_engine.report.page.numbers import CANNOT, difference, difference_span, finite, share, shown, span
from reid_engine.report.words import NOTHING, count, one_line

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes
    ----------
    text, detail
        First and second line.
    mark
        Letter of the note that it points to.
    number
        Whether it stands to the right.
    graphic
        Small drawing that repeats the number, not read out.
    quiet
        Whether it says that there is nothing to say.
    """

    text: str
    detail: str = ""
    mark: str = ""
    number: bool = True
    graphic: Markup | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Line:
    """One row: its headers, its cells, and whether it is a baseline's."""

    heads: Sequence[str]
    cells: Sequence[Cell]
    tag: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Part:
    """Rows under one heading."""

    label: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Notes:
    """Notes below a table, each once, by letter."""

    marks: dict[str, str] = field(default_factory=dict)

    def mark(self, note: Any) -> str:
        """Give the letter of a note; nothing for no note."""
        if not note:
            return ""
        text = one_line(note)
        return self.marks.setdefault(text, letter(len(self.marks)))


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name, caption
        Its id on the page, and what it shows.
    heads, columns
        Columns of row headers, and of cells.
    texts
        Columns of cells that hold no numbers.
    parts
        Rows.
    notes
        What the cells point to.
    """

    name: str
    caption: str
    heads: Sequence[str]
    columns: Sequence[str]
    parts: Sequence[Part]
    notes: Notes
    texts: Sequence[str] = ()

    @property
    def height(self) -> int:
        """Number of rows."""
        return sum(len(part.lines) + bool(part.label) for part in self.parts)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.heads) + len(self.columns)


def letter(place: int) -> str:
    """Give a, b and so on to z, then aa, ab."""
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


HELD_BACK = ("suppressed", "withheld")
"""How the note of a value begins that is known, but not told: a group is too small to be shared."""

ABSENT = Cell(NOTHING, quiet=True)
"""A cell of what was not measured."""


def value_cell(row: Json | None, notes: Notes) -> Cell:
    """Show a row's value with its interval beneath."""
    if row is None:
        return ABSENT
    name = str(row.get("metric"))
    text = shown(name, row.get("value"))
    return _with_note(row, text, span(name, row.get("ci95")), notes)


def difference_cell(row: Json | None, notes: Notes) -> Cell:
    """Show a row that is a difference, with its interval beneath."""
    if row is None:
        return ABSENT
    name = str(row.get("metric"))
    text = difference(name, row.get("value"))
    return _with_note(row, text, difference_span(name, row.get("ci95")), notes)


def _with_note(row: Json, text: str, detail: str, notes: Notes) -> Cell:
    note, quiet = row.get("note"), text == CANNOT
    if quiet and str(note).startswith(HELD_BACK):
        text = "withheld"
    return Cell(text, detail, notes.mark(note), quiet=quiet)


def chance_cell(row: Json | None) -> Cell:
    """Show what chance would give for a share."""
    chance = None if row is None else finite(row.get("chance"))
    return ABSENT if chance is None else Cell(share(chance))


def count_cell(row: Json | None, name: str) -> Cell:
    """Show how many subjects or images."""
    value = None if row is None else finite(row.get(name))
    return ABSENT if value is None else Cell(count(int(value)))


def text_cell(text: Any) -> Cell:
    """Show a text, to the left."""
    return Cell(one_line(text), number=False) if text not in (None, "") else Cell(NOTHING, number=False, quiet=True)
