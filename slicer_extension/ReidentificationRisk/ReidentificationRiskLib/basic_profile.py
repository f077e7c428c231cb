"""The attributes that DICOM's Basic Application Level Confidentiality Profile removes or replaces.

The table is DICOM PS3.15 2026c, Table E.1-1, column "Basic Profile", in Resources/basic_profile.csv: tag (hexadecimal,
X for any digit), action, name. Its actions are D (a dummy value), Z (no value, or a dummy one), X (removed), U (another
UID) and combinations of them; K (kept) and C (cleaned) are actions of the profile's options alone. Private attributes,
which the table names as a whole, are those of an odd group.
"""

import csv
import functools
import os
from typing import Dict, List, NamedTuple, Optional, Tuple

FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Resources", "basic_profile.csv")
EDITION = "DICOM PS3.15 2026c, Table E.1-1"


class Attribute(NamedTuple):
    """A row of the table: what the profile does, and the attribute's name."""

    action: str
    name: str


def attribute(group: int, element: int) -> Optional[Attribute]:
    """Give the row of a tag, or None where the profile leaves the attribute as it is."""
    singles, repeated = _table()
    found = singles.get((group << 16) | element)
    if found is None:
        tag = f"{group:04X}{element:04X}"
        found = next((row for mask, row in repeated if _matches(tag, mask)), None)
    return found


def size() -> int:
    """Give the number of rows of the table."""
    singles, repeated = _table()
    return len(singles) + len(repeated)


@functools.lru_cache(maxsize=1)
def _table() -> Tuple[Dict[int, Attribute], List[Tuple[str, Attribute]]]:
    singles: Dict[int, Attribute] = {}
    repeated: List[Tuple[str, Attribute]] = []
    with open(FILE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            entry = Attribute(row["action"], row["name"])
            if "X" in row["tag"]:
                repeated.append((row["tag"], entry))
            else:
                singles[int(row["tag"], 16)] = entry
    return singles, repeated


def _matches(tag: str, mask: str) -> bool:
    return all(m in ("X", t) for t, m in zip(tag, mask))
