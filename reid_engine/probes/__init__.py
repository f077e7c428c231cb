"""Embedding to demographic leakage: what a simple classifier learns of a person beyond the prior."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reid_engine.probes.attributes import Attribute, attributes_of
    from reid_engine.probes.fit import fit_probe
    from reid_engine.probes.probe import Probe, Reading

_HOMES = {
    "Attribute": "attributes",
    "Probe": "probe",
    "Reading": "probe",
    "attributes_of": "attributes",
    "fit_probe": "fit",
}

__all__ = ["Attribute", "Probe", "Reading", "attributes_of", "fit_probe"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
