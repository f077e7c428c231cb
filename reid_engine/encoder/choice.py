"""Which encoder suits a modality; standard library only."""

from collections.abc import Iterable
from pathlib import Path

from reid_engine.encoder.registry import DEFAULT_ENCODER, find_spec, specs
from reid_engine.encoder.spec import EncoderSpec, FolderWeights
from reid_engine.encoder.weights_folder import named_weights


def choose_spec(modality: str | None, folder: Path | None = None) -> EncoderSpec:
    """Choose the encoder for a modality: the first that was made for it and has its weights at hand.

    Parameters
    ----------
    modality
        One of :data:`reid_engine.scan.MODALITIES`; None for several or unknown ones.
    folder
        Weights are looked for here by name, instead of in the caches.

    Returns
    -------
    The default encoder when there is none. Nothing is downloaded.
    """
    for spec in specs():
        if isinstance(spec.source, FolderWeights):
            continue  # carried by this package: the default sends the modality through it
        if modality in spec.modalities and (spec.at_hand if folder is None else named_weights(folder, spec)):
            return spec
    return find_spec(DEFAULT_ENCODER)


def sole_modality(modalities: Iterable[str | None]) -> str | None:
    """Give the one modality that all of a cohort's images have; None when they differ or one is not known.

    One gallery has one encoder, so an encoder made for one modality suits only a cohort of that.
    """
    found = set(modalities)
    return found.pop() if len(found) == 1 else None
