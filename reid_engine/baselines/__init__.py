"""What a re-identification rate is compared with: how far one gets without knowing anatomy.

Pixels, the border and the exposure, and a network that learned nothing are embedders like any encoder: they are
enrolled, stored and judged in the same way. Demographics are read from the table and give similarities at once.
Names are resolved when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reid_engine.baselines.border import BorderEncoder
    from reid_engine.baselines.defaults import default_baselines
    from reid_engine.baselines.demographics import DemographicBlocks, has_demographics
    from reid_engine.baselines.pixels import PixelEncoder
    from reid_engine.baselines.untrained import load_untrained

_HOMES = {
    "BorderEncoder": "border",
    "DemographicBlocks": "demographics",
    "PixelEncoder": "pixels",
    "default_baselines": "defaults",
    "has_demographics": "demographics",
    "load_untrained": "untrained",
}

__all__ = [
    "BorderEncoder",
    "DemographicBlocks",
    "PixelEncoder",
    "default_baselines",
    "has_demographics",
    "load_untrained",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
