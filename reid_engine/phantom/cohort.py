"""A folder of synthetic scans with its manifest, or as DICOM files."""

import csv
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reid_engine.phantom.canvas import quantise
from reid_engine.phantom.person import Person, person
from reid_engine.phantom.radiograph import radiograph_view
from reid_engine.phantom.scan import EYE_MODALITIES, MODALITIES, render_phantom
from reid_engine.progress import Progress, silent

COLUMNS = (
    "file", "subject_id", "session_id", "modality", "laterality", "view",
    "sex", "age", "race", "ethnicity", "acquired", "device",
)  # fmt: skip
"""The manifest's columns."""

DEVICES = {"CFP": ("Lumen 45", "Lumen 50"), "OCT": ("Strata A", "Strata B"), "CXR": ("Radia 1", "Radia 2")}
"""Invented devices; they leave no trace in the images."""


@dataclass(frozen=True)
class Shot:
    """One image to be made."""

    who: Person
    session: int
    modality: str
    eye: str | None

    @property
    def subject_id(self) -> str:
        """The subject's name in the cohort: P001 is the first."""
        return f"P{self.who.index + 1:03d}"

    def stem(self) -> str:
        """Name the file, without its suffix."""
        eye = f"_{self.eye}" if self.eye else ""
        return f"{self.modality.lower()}_{self.subject_id}_s{self.session + 1}{eye}"

    def row(self, suffix: str) -> dict[str, str]:
        """Give its line of the manifest."""
        device = int(self.who.rng(3, self.session).integers(0, 2))
        return {
            "file": self.stem() + suffix,
            "subject_id": self.subject_id,
            "session_id": f"s{self.session + 1}",
            "modality": self.modality,
            "laterality": self.eye or "",
            "view": radiograph_view(self.who, self.session) if self.modality == "CXR" else "macula",
            "sex": self.who.sex,
            "age": str(self.who.age_at(self.session)),
            "race": "",
            "ethnicity": "",
            "acquired": self.who.visit(self.session).isoformat(),
            "device": DEVICES[self.modality][device],
        }


def write_phantom_cohort(
    folder: Path,
    *,
    subjects: int = 12,
    sessions: int = 3,
    modalities: Sequence[str] = MODALITIES,
    size: int = 256,
    seed: int = 0,
    both_eyes: bool = False,
    format: str = "png",
    progress: Progress = silent,
) -> Path:
    """Write a synthetic cohort: one image for each subject, session and modality.

    Parameters
    ----------
    folder
        Where to write; made if it is not there.
    subjects, sessions, modalities, size, seed
        What to make. A subject is the same whatever the number of subjects, sessions and modalities.
    both_eyes
        Write the left and the right eye for CFP and OCT instead of the subject's study eye.
    progress
        Called after each image.
    format
        "png" with a manifest, or "dicom": RGB for CFP, 16-bit MONOCHROME2 for the others, without a manifest.

    Returns
    -------
    Path
        The manifest; the folder for DICOM.
    """
    if format not in ("png", "dicom"):
        raise ValueError(f"no phantom format {format!r}: there are png and dicom")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shots = list(_shots(subjects, sessions, modalities, seed, both_eyes))
    write = _write_png if format == "png" else _write_dicom
    painters = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))
    try:
        for done, _ in enumerate(painters.map(lambda shot: write(shot, folder, size), shots), start=1):
            progress(done, len(shots), "painting")
    finally:
        painters.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the rest
    return _write_manifest(folder / "manifest.csv", shots) if format == "png" else folder


def _shots(subjects: int, sessions: int, modalities: Sequence[str], seed: int, both_eyes: bool) -> Iterator[Shot]:
    for index in range(subjects):
        who = person(seed, index)
        for session in range(sessions):
            for modality in modalities:
                eyes: tuple[str | None, ...] = ("L", "R") if both_eyes else (who.eye,)
                for eye in eyes if modality in EYE_MODALITIES else (None,):
                    yield Shot(who, session, modality, eye)


def _write_png(shot: Shot, folder: Path, size: int) -> None:
    from PIL import Image

    pixels = quantise(render_phantom(shot.modality, shot.who, shot.session, size, eye=shot.eye))
    Image.fromarray(pixels).save(folder / f"{shot.stem()}.png", compress_level=1)


def _write_dicom(shot: Shot, folder: Path, size: int) -> None:
    from reid_engine.phantom.dicom import write_dicom

    picture = render_phantom(shot.modality, shot.who, shot.session, size, eye=shot.eye)
    write_dicom(folder / f"{shot.stem()}.dcm", picture, shot.row(".dcm"), shot.who.seed)


def _write_manifest(path: Path, shots: Sequence[Shot]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(shot.row(".png") for shot in shots)
    return path
