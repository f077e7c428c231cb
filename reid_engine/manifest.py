"""``manifest.csv`` becomes a cohort; everything that is wrong with it is told at once."""

import codecs
import csv
import difflib
import io
import math
import os
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

from reid_engine.cohort import COLUMNS, Cohort, Sample
from reid_engine.errors import CohortError
from reid_engine.scan import MODALITIES

RESERVED = ("sample_id", "file_digest", "pixel_digest")
"""Names that a gallery's table uses itself."""

MAX_AGE = 130.0
"""Largest age in years."""

_REQUIRED = COLUMNS[:2]


def read_manifest(path: Path) -> Cohort:
    """Read a manifest; files are relative to its folder.

    Raises
    ------
    CohortError
        With one line for each problem; the header is row 1.
    """
    header, rows = _read_rows(path)
    problems = _header_problems(header)
    if problems:
        raise CohortError(str(path), problems)
    reader = _Reader(path.parent, header)
    samples = [sample for row, cells in rows if (sample := reader.sample(row, cells)) is not None]
    if reader.problems or not samples:
        raise CohortError(str(path), reader.problems or ["the manifest has no rows; add one line for each image"])
    further = tuple(name for name in header if name not in COLUMNS)
    return Cohort(path.parent, tuple(samples), attribute_names=further)


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    text = _read_text(path)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise CohortError(str(path), [f"is not a readable CSV table ({error}); save it as CSV again"]) from None
    stripped = [[cell.strip() for cell in cells] for cells in table]
    rows = [(number, cells) for number, cells in enumerate(stripped, 1) if any(cells)]
    if not rows:
        raise CohortError(str(path), ["the manifest is empty; its first line must name the columns"])
    return rows[0][1], rows[1:]


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CohortError(str(path), [f"cannot be opened ({error.strerror}); check its permissions"]) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        what = "UTF-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "not UTF-8"
        raise CohortError(str(path), [f"row {row}: the text is {what}; save it as CSV UTF-8"]) from None
    if "\0" in text:
        raise CohortError(str(path), ["holds binary data; save it as CSV UTF-8"])
    return text


def _header_problems(header: list[str]) -> list[str]:
    problems = [f"row 1: there is no column '{name}'" for name in _REQUIRED if name not in header]
    if problems and len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        problems.append("row 1: the cells are not separated by commas; save it as comma-separated CSV")
    problems += [
        f"row 1: the column '{n}' is there twice" for n in sorted({n for n in header if n and header.count(n) > 1})
    ]
    problems += [f"row 1: the column name '{n}' is reserved; rename it" for n in header if n in RESERVED]
    if "" in header:
        problems.append(f"row 1: column {header.index('') + 1} has no name")
    return problems


class _Reader:
    """Makes samples of rows and collects what is wrong with them."""

    def __init__(self, root: Path, header: list[str]) -> None:
        self.root = root
        self.header = header
        self.problems: list[str] = []
        self._files = _Files(root)

    def sample(self, row: int, cells: list[str]) -> Sample | None:
        """Make a row's sample, or note its problems and give None."""
        if len(cells) != len(self.header):
            count = f"{len(cells)} cells where the header has {len(self.header)}"
            self.problems.append(f"row {row}: {count}; quote cells that hold commas")
            return None
        values = dict(zip(self.header, cells, strict=True))
        found = list(self._row_problems(row, values))
        if found:
            self.problems += [f"row {row}: {problem}" for problem in found]
            return None
        return _make_sample(self.root, values)

    def _row_problems(self, row: int, values: dict[str, str]) -> Iterator[str]:
        problem = self._files.problem(row, values["file"])
        if problem:
            yield problem
        if not values["subject_id"]:
            yield "subject_id is empty"
        for name, parse in _PARSERS.items():
            try:
                parse(values.get(name, ""))
            except ValueError as error:
                yield str(error)


class _Files:
    """Judges the ``file`` cells: there, inside the folder, and only once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}
        self._seen: dict[str, int] = {}

    def problem(self, row: int, cell: str) -> str | None:
        """Tell what is wrong with a row's file, or None."""
        if not cell:
            return "file is empty"
        name = _posix(cell)
        if _leaves(name):
            return f"the file '{cell}' lies outside the manifest's folder; move it there"
        try:
            real = self._real_path(name)
        except (OSError, ValueError):
            return f"the file '{cell}' is missing"
        if not self._is_inside(real):
            return f"the file '{cell}' is a link that leaves the manifest's folder; copy the file there"
        first = self._seen.setdefault(real, row)
        return None if first == row else f"the file '{cell}' is already in row {first}"

    def _is_inside(self, real: str) -> bool:
        try:
            return os.path.commonpath((real, self._real_root)) == self._real_root
        except ValueError:  # another drive
            return False

    def _real_path(self, name: str) -> str:
        folder, _, last = name.rpartition("/")
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(self._root / folder)
        path = os.path.join(self._real_folders[folder], last)  # noqa: PTH118 - ten times as fast as Path
        if stat.S_ISLNK(os.lstat(path).st_mode):
            path = os.path.realpath(path, strict=True)
        return path


def _posix(cell: str) -> str:
    return str(PurePosixPath(cell.replace("\\", "/")))


def _leaves(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or name[1:2] == ":" or name == "."


def _make_sample(root: Path, values: dict[str, str]) -> Sample:
    def cell(column: str) -> str:
        return values.get(column, "")

    name = _posix(cell("file"))
    return Sample(
        sample_id=name,
        path=root / name,
        subject_id=cell("subject_id"),
        session_id=cell("session_id") or None,
        modality=_modality(cell("modality")),
        laterality=_laterality(cell("laterality")),
        view=cell("view") or None,
        sex=_sex(cell("sex")),
        age=_age(cell("age")),
        race=cell("race") or None,
        ethnicity=cell("ethnicity") or None,
        acquired=_acquired(cell("acquired")),
        device=cell("device") or None,
        attributes={key: value for key, value in values.items() if key not in COLUMNS and value},
    )


def _modality(cell: str) -> str | None:
    name = cell.upper()
    if not name or name in MODALITIES:
        return name or None
    near = difflib.get_close_matches(name, MODALITIES, n=1)
    hint = f"did you mean {near[0]}?" if near else "use one of " + ", ".join(MODALITIES)
    raise ValueError(f"the modality '{cell}' is not known; {hint}")


def _laterality(cell: str) -> str | None:
    if cell.upper() not in ("", "L", "R"):
        raise ValueError(f"the laterality '{cell}' is not L or R; leave it empty if unknown")
    return cell.upper() or None


def _sex(cell: str) -> str | None:
    if cell.upper() not in ("", "F", "M"):
        raise ValueError(f"the sex '{cell}' is not F or M; leave it empty if unknown")
    return cell.upper() or None


def _age(cell: str) -> float | None:
    if not cell:
        return None
    try:
        years = float(cell)
    except ValueError:
        years = math.nan
    if not 0 <= years <= MAX_AGE:
        raise ValueError(f"the age '{cell}' is not a number of years from 0 to {MAX_AGE:.0f}")
    return years


def _acquired(cell: str) -> str | None:
    try:
        return datetime.fromisoformat(cell).date().isoformat() if cell else None
    except ValueError:
        raise ValueError(f"the date '{cell}' is not an ISO date such as 2024-05-31") from None


_PARSERS: dict[str, Callable[[str], str | float | None]] = {
    "modality": _modality,
    "laterality": _laterality,
    "sex": _sex,
    "age": _age,
    "acquired": _acquired,
}
