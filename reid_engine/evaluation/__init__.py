"""A cohort against itself: how much identity its images carry.

Names are resolved when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reid_engine.evaluation.protocol import evaluate
    from reid_engine.evaluation.report import EvaluationReport

_HOMES = {"EvaluationReport": "report", "evaluate": "protocol"}

__all__ = ["EvaluationReport", "evaluate"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
