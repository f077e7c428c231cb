"""Scan to embedding: named specs, preprocessing that respects the modality, weights, networks.

Names are resolved when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reid_engine.encoder.choice import choose_spec, sole_modality
    from reid_engine.encoder.field import Field, find_field
    from reid_engine.encoder.identity import EncoderIdentity
    from reid_engine.encoder.model import Encoder, load_encoder
    from reid_engine.encoder.preprocessing import Preprocessing
    from reid_engine.encoder.registry import AUTO, DEFAULT_ENCODER, IMAGENET_ENCODER, find_spec, specs
    from reid_engine.encoder.spec import EncoderSpec
    from reid_engine.encoder.stream import Embedded, Refused, Source, embed_stream

_HOMES = {
    "AUTO": "registry",
    "DEFAULT_ENCODER": "registry",
    "Embedded": "stream",
    "Encoder": "model",
    "EncoderIdentity": "identity",
    "EncoderSpec": "spec",
    "Field": "field",
    "IMAGENET_ENCODER": "registry",
    "Preprocessing": "preprocessing",
    "Refused": "stream",
    "Source": "stream",
    "choose_spec": "choice",
    "embed_stream": "stream",
    "find_field": "field",
    "find_spec": "registry",
    "load_encoder": "model",
    "sole_modality": "choice",
    "specs": "registry",
}

__all__ = [
    "AUTO",
    "DEFAULT_ENCODER",
    "IMAGENET_ENCODER",
    "Embedded",
    "Encoder",
    "EncoderIdentity",
    "EncoderSpec",
    "Field",
    "Preprocessing",
    "Refused",
    "Source",
    "choose_spec",
    "embed_stream",
    "find_field",
    "find_spec",
    "load_encoder",
    "sole_modality",
    "specs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
