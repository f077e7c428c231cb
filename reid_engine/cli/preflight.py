"""Looks that cost nothing, taken before anything heavy is imported."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from reid_engine.cli.streams import say
from reid_engine.errors import CohortError, EncoderError, GalleryError, ScanError

if TYPE_CHECKING:
    from reid_engine.cohort import Cohort
    from reid_engine.encoder import Encoder
    from reid_engine.matcher.ledger import Ledger
    from reid_engine.risk import RiskAssessor
    from reid_engine.scan import Scan


def look_at_gallery(path: Path, *, filled: bool = True) -> "Ledger":
    """Read the gallery's ledger; refuse a missing, damaged or (where `filled`) empty one."""
    from reid_engine.matcher.ledger import parse_ledger, read_ledger_bytes

    ledger = parse_ledger(read_ledger_bytes(path), path)
    if filled and not ledger.rows:
        raise GalleryError(f"{path}: nobody is enrolled in this gallery; fill it with: reid-engine enrol")
    return ledger


def look_at_new_gallery(path: Path) -> "Ledger | None":
    """Read the ledger of a gallery that may not be there yet; refuse a folder with other things in it."""
    from reid_engine.matcher.ledger import LEDGER_NAME, LOCK_NAME, OWN_NAME

    if (path / LEDGER_NAME).exists():
        return look_at_gallery(path, filled=False)
    if path.exists() and not path.is_dir():
        raise GalleryError(f"{path}: is a file; give a folder for the gallery")
    if path.is_dir() and any(f.name != LOCK_NAME and not OWN_NAME.fullmatch(f.name) for f in path.iterdir()):
        raise GalleryError(f"{path}: the folder holds other files and no gallery; give a new or empty one")
    return None


def look_at_cohort(path: Path) -> None:
    """Refuse a cohort that is not there, or a file that cannot be a manifest."""
    if not path.exists():
        raise CohortError(str(path), ["there is no such folder or manifest; check the path"])
    if path.is_file() and path.suffix.lower() != ".csv":
        raise CohortError(
            str(path), ["is no cohort; give a folder of DICOM files, a folder with a manifest.csv, or a .csv"]
        )


def look_at_weights(path: Path | None) -> None:
    """Refuse a weights file, or a folder of them, that is not there."""
    if path is not None and not path.exists():
        raise EncoderError(f"{path}: there is no such weights file; check the path")


def look_at_encoder(name: str | None, gallery: Path, ledger: "Ledger | None") -> None:
    """Refuse an encoder that nobody knows, or that is not the gallery's."""
    if name is None:
        return
    from reid_engine.encoder import find_spec

    known = find_spec(name).name
    if ledger is not None and ledger.encoder.name != known:
        raise GalleryError(
            f"{gallery}: the gallery was made with the encoder {ledger.encoder.name}, not with {known}; "
            "leave --encoder out, or enrol into a new folder"
        )


def choose_encoder(name: str | None, weights: Path | None, cohort: "Cohort") -> tuple[str | None, Path | None]:
    """Settle ``auto`` by the modality of a cohort's images and the weights at hand.

    Returns the encoder's name, and where its own weights are; whatever is not ``auto`` stays as it is.
    """
    from reid_engine.encoder import AUTO, choose_spec, sole_modality

    if name != AUTO:
        return name, weights
    if weights is not None and not weights.is_dir():
        raise EncoderError(f"{weights}: --encoder auto takes a folder of weights; for one file, name its encoder")
    modality = sole_modality(sample.modality for sample in cohort.samples)
    spec = choose_spec(modality, weights)
    if modality in spec.modalities:
        why = f"made for {modality}"
    elif modality in spec.own_weights:
        why = f"the default, which has weights of its own for {modality}"
    elif modality is None:
        why = "the default, because the images have several modalities or some unknown one"
    else:
        why = f"the default, because no encoder made for {modality} has its weights at hand"
    say(f"reid-engine: --encoder auto is {spec.name}: {why}", error=True)
    return spec.name, weights if modality in spec.modalities else None


def tell_notes(encoder: "Encoder") -> None:
    """Say what of a weights file was left out or filled in; a package's own file holds no surprise."""
    from reid_engine.encoder.spec import PackagedWeights

    if isinstance(encoder.spec.source, PackagedWeights):
        return
    for note in encoder.notes:
        line = textwrap.shorten(f"reid-engine: {encoder.spec.name}: {note}", 240, placeholder=" ...")
        say(line, error=True)


def known_modality(name: str | None) -> str | None:
    """Give a modality in its own spelling; None stays None."""
    if name is None:
        return None
    from reid_engine.scan import MODALITIES

    if name.upper() not in MODALITIES:
        raise ScanError(f"no modality is called {name!r}; there are {', '.join(MODALITIES)}")
    return name.upper()


def load_gallery_encoder(name: str | None, weights: Path | None, ledger: "Ledger | None") -> "Encoder":
    """Load the encoder that was asked for, else the gallery's own, else the default."""
    look_at_weights(weights)
    from reid_engine.encoder import DEFAULT_ENCODER, load_encoder

    chosen = name or (ledger.encoder.name if ledger else DEFAULT_ENCODER)
    encoder = load_encoder(chosen, weights=weights)
    tell_notes(encoder)
    return encoder


def open_check(
    scan: Path, gallery: Path, modality: str | None, encoder: str | None, weights: Path | None
) -> "tuple[Scan, RiskAssessor]":
    """Read a scan, and open a gallery with the encoder that was asked for or its own; cheap refusals come first."""
    from reid_engine.readers.sniff import sniff

    sniff(scan)
    ledger = look_at_gallery(gallery)
    look_at_encoder(encoder, gallery, ledger)
    look_at_weights(weights)
    from reid_engine.scan import read_scan

    picture = read_scan(scan, modality=known_modality(modality))
    network = load_gallery_encoder(encoder, weights, ledger)
    from reid_engine.matcher.gallery import Gallery
    from reid_engine.risk import RiskAssessor

    return picture, RiskAssessor(Gallery.open(gallery, encoder=network.identity), network)
