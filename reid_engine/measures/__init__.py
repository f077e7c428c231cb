"""Measures that may make a scan less recognisable, and what each of them does to the risk and to the picture."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reid_engine.measures.catalogue import MEASURES, measures_by_modality, measures_for
    from reid_engine.measures.comparison import Comparison, Outcome, compare_measures
    from reid_engine.measures.fidelity import Fidelity, picture_fidelity
    from reid_engine.measures.measure import Measure

_ROOMS = {
    "MEASURES": "catalogue",
    "measures_by_modality": "catalogue",
    "measures_for": "catalogue",
    "Comparison": "comparison",
    "Outcome": "comparison",
    "compare_measures": "comparison",
    "Fidelity": "fidelity",
    "picture_fidelity": "fidelity",
    "Measure": "measure",
}

__all__ = [
    "MEASURES",
    "Comparison",
    "Fidelity",
    "Measure",
    "Outcome",
    "compare_measures",
    "measures_by_modality",
    "measures_for",
    "picture_fidelity",
]


def __getattr__(name: str) -> Any:
    """Import a name's room when it is asked for."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
