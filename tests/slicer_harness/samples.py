"""A report as the engine writes it, to be varied by tests."""

import copy
import json
from typing import Any

from slicer_harness import MODULE

_REPORT = json.loads((MODULE / "Testing" / "Python" / "report.json").read_text(encoding="utf-8"))


def sample_report(**risk: Any) -> dict[str, Any]:
    """Give a fresh copy of a report whose level is high, with parts of ``risk`` replaced."""
    report = copy.deepcopy(_REPORT)
    report["risk"].update(risk)
    return report
