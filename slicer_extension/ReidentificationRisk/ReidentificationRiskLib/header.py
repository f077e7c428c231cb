"""What DICOM files still say of the patient: a look at their headers, which neither changes nor sends anything."""

import contextlib
import logging
import warnings
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from ReidentificationRiskLib.basic_profile import attribute
from ReidentificationRiskLib.errors import one_line

PRIVATE = "private"
ACTION_OF_PRIVATE = "X"
LONGEST_VALUE = 80  # characters of a value that are shown
MOST_VALUES = 3  # different values of one attribute that are shown
DEFERRED = 1 << 20  # bytes; a longer element is read from the file only where it is looked at
PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
DEEPEST = 32  # sequences within sequences; a file that has more is made to harm
STATEMENTS = ("PatientIdentityRemoved", "DeidentificationMethod", "BurnedInAnnotation", "RecognizableVisualFeatures")
"""Attributes by which a header speaks of its own de-identification."""

Place = Tuple[str, ...]


class Finding(NamedTuple):
    """An attribute, or the private attributes of one creator, that still hold a value.

    Attributes
    ----------
    tag
        As "(0010,0010)"; "(0029,10xx)" for private ones.
    name
        With the sequences in which it lies before it; for private ones, the creator's.
    action
        What the profile does with it; X for private ones.
    values
        The first different values, shortened to one line.
    files
        In how many files.
    private
        Number of private attributes, 0 for one of the profile.
    """

    tag: str
    name: str
    action: str
    values: Tuple[str, ...]
    files: int
    private: int


class Look:
    """What was found in the files that were added so far.

    Attributes
    ----------
    read, unreadable
        Number of files.
    statements
        Name of each of STATEMENTS to its different values, "" where a file does not have it.
    """

    def __init__(self) -> None:
        self.read = 0
        self.unreadable = 0
        self.statements: Dict[str, List[str]] = {name: [] for name in STATEMENTS}
        self._found: Dict[Place, Dict[str, Any]] = {}

    def add(self, path: str) -> None:
        """Look into one more file; one that cannot be read as DICOM is counted."""
        import pydicom  # which Slicer ships; not at the module's start, as it is slow

        with _quiet():
            try:
                data = pydicom.dcmread(path, defer_size=DEFERRED)
            except Exception:  # whatever a damaged file makes pydicom raise
                self.unreadable += 1
                return
            seen: Dict[Place, int] = {}
            for part in (getattr(data, "file_meta", None), data):
                if part is not None:
                    self._walk(part, (), seen)
            for place in seen:
                self._found[place]["files"] += 1
                self._found[place]["private"] = max(self._found[place]["private"], seen[place])
            for name in STATEMENTS:
                _note(self.statements[name], _shown(_value(data, name)))
            self.read += 1

    @property
    def findings(self) -> List[Finding]:
        """What still holds a value: attributes of the profile, then UIDs, then private ones; each by tag."""
        rows = [
            Finding(found["tag"], found["name"], found["action"], tuple(found["values"]), found["files"], count)
            for found in self._found.values()
            for count in [found["private"]]
        ]
        return sorted(rows, key=lambda row: (row.private > 0, row.action == "U", row.tag, row.name))

    def _walk(self, data: Any, within: Place, seen: Dict[Place, int]) -> None:
        if len(within) > DEEPEST:
            return
        for tag in sorted(data.keys()):
            if int(tag) in PIXELS:
                continue
            element = _element(data, tag)
            if tag.group % 2:
                self._take_private(data, tag, element, within, seen)
                continue
            if _is_empty(element):
                continue
            row = attribute(tag.group, tag.element)
            if row is not None:
                text = f"({tag.group:04X},{tag.element:04X})"
                self._take((*within, row.name), text, row.action, _shown(element), seen)
            if _is_sequence(element):
                name = row.name if row is not None else str(element.name)
                for item in element.value:
                    self._walk(item, (*within, name), seen)

    def _take_private(self, data: Any, tag: Any, element: Any, within: Place, seen: Dict[Place, int]) -> None:
        if tag.element < 0x1000 or _is_empty(element):  # the creator's own mark says nothing of a patient
            return
        block = tag.element >> 8
        creator = _shown(_element(data, (tag.group, block))) if (tag.group, block) in data else ""
        text = f"({tag.group:04X},{block:02X}xx)"
        place = (*within, creator, text)
        self._take(place, text, ACTION_OF_PRIVATE, _shown(element), seen, name=(*within, creator))
        seen[place] += 1

    def _take(self, place: Place, tag: str, action: str, value: str, seen: Dict[Place, int], name: Place = ()) -> None:
        found = self._found.setdefault(
            place,
            {"tag": tag, "name": " › ".join(name or place), "action": action, "values": [], "files": 0, "private": 0},
        )
        if len(found["values"]) < MOST_VALUES:
            _note(found["values"], value)
        seen.setdefault(place, 0)


def _note(values: List[str], value: str) -> None:
    if value not in values:
        values.append(value)


_UNREADABLE = object()


def _element(data: Any, tag: Any) -> Any:
    """Give an element, or _UNREADABLE where what it holds cannot be read: it holds something nevertheless."""
    try:
        return data[tag]
    except Exception:  # whatever a damaged element makes pydicom raise
        return _UNREADABLE


def _value(data: Any, keyword: str) -> Any:
    return _element(data, keyword) if keyword in data else None


def _is_sequence(element: Any) -> bool:
    return element is not _UNREADABLE and element.VR == "SQ"


def _is_empty(element: Any) -> bool:
    if element is _UNREADABLE:
        return False
    value = element.value
    if value is None:
        return True
    if isinstance(value, (bytes, bytearray)):
        return not value.strip(b"\0 ")
    if _is_sequence(element):
        return len(value) == 0
    if isinstance(value, (int, float)):
        return False
    parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    return not any(str(part).strip("\0 ^=") for part in parts)


def _shown(element: Any) -> str:
    """Give a value as one short line; bytes and sequences by their size."""
    if element is None:
        return ""
    if element is _UNREADABLE:
        return "(cannot be read)"
    value = element.value
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return f"({len(value)} bytes)"
    if _is_sequence(element):
        return f"({len(value)} items)" if len(value) != 1 else "(1 item)"
    if not isinstance(value, str) and hasattr(value, "__iter__") and not hasattr(value, "components"):
        value = ", ".join(str(part) for part in value)
    return one_line(str(value), LONGEST_VALUE)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep pydicom from warning and logging, as what it says may hold a patient's values."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before
