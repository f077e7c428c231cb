"""Embedding to nearest identities: the gallery on disk, back-ends, exact search, near-duplicates.

Names are resolved when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reid_engine.matcher.backend import BACKENDS, Backend, fit_backend
    from reid_engine.matcher.duplicates import (
        NEAR_DUPLICATE_SIMILARITY,
        thumbnail,
        thumbnail_similarity,
    )
    from reid_engine.matcher.enrolment import Enrolment, enrol
    from reid_engine.matcher.gallery import Gallery
    from reid_engine.matcher.index import Index
    from reid_engine.matcher.snapshot import Snapshot

_HOMES = {
    "BACKENDS": "backend",
    "NEAR_DUPLICATE_SIMILARITY": "duplicates",
    "Backend": "backend",
    "Enrolment": "enrolment",
    "Gallery": "gallery",
    "Index": "index",
    "Snapshot": "snapshot",
    "enrol": "enrolment",
    "fit_backend": "backend",
    "thumbnail": "duplicates",
    "thumbnail_similarity": "duplicates",
}

__all__ = [
    "BACKENDS",
    "NEAR_DUPLICATE_SIMILARITY",
    "Backend",
    "Enrolment",
    "Gallery",
    "Index",
    "Snapshot",
    "enrol",
    "fit_backend",
    "thumbnail",
    "thumbnail_similarity",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
