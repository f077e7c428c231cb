"""A folder of DICOM files becomes a cohort, from the files' headers alone."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_engine.cohort import Cohort, Sample
from reid_engine.errors import CohortError
from reid_engine.pseudonym import DIGITS, load_key, pseudonym
from reid_engine.readers.frames import NO_PICTURES
from reid_engine.readers.header import Header, read_header, text
from reid_engine.readers.quiet import quiet
from reid_engine.readers.series import series_path
from reid_engine.readers.sniff import is_dicom

VOLUMES = ("CT", "MR", "OCT", "PT", "NM")
"""Modalities whose series of single slices are one sample; of others every file is one."""

SAMPLE_DIGITS = 16
"""Hex digits of a sample's pseudonym: its UID is one of very many."""

Rename = Callable[..., str]

_INDEX = "DICOMDIR"


@dataclass(frozen=True)
class _File:
    path: Path
    instance: str
    series: str
    study: str
    patient: str
    header: Header


def read_dicom_folder(root: Path, *, pseudonymise: bool = True, key: bytes | None = None) -> Cohort:
    """Read the headers of all DICOM images in a folder and its subfolders.

    Parameters
    ----------
    root
        The folder.
    pseudonymise
        Whether patient, study and instance ids are replaced by keyed hashes.
    key
        The hashes' key; without one, the user's.

    Returns
    -------
    Cohort
        One sample for each image, and for each series of slices; files that are no images are listed as
        skipped.

    Raises
    ------
    CohortError
        If there is no image, an id is missing, or two files claim to be the same image.
    """
    found, skipped = _read_headers(root)
    problems = _problems(root, found)
    if not found and not problems:
        problems = ["holds no manifest.csv and no DICOM images; add one, or give another folder"]
    if problems:
        raise CohortError(str(root), problems)
    rename = _renamer(pseudonymise, key)
    samples = tuple(_make_sample(path, uid, files[0], rename) for path, uid, files in _group(found))
    return Cohort(root, samples, tuple(skipped))


def _renamer(pseudonymise: bool, key: bytes | None) -> Rename:
    if not pseudonymise:
        return lambda value, prefix, digits=DIGITS: value
    secret = key if key is not None else load_key()
    return lambda value, prefix, digits=DIGITS: pseudonym(value, secret, prefix=prefix, digits=digits)


def _read_headers(root: Path) -> tuple[list[_File], list[str]]:
    paths = sorted(_walk(root))
    with quiet(), ThreadPoolExecutor(max_workers=4) as pool:
        results = list(pool.map(_read_header, paths))
    found = [result for result in results if isinstance(result, _File)]
    skipped = [
        f"{path.relative_to(root).as_posix()}: {result}"
        for path, result in zip(paths, results, strict=True)
        if isinstance(result, str)
    ]
    return found, skipped


def _walk(root: Path) -> Iterator[Path]:
    """Give all files; links to folders aren't followed, for they may leave the folder or lead in a circle."""
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def _read_header(path: Path) -> _File | str:
    """Read a file's header, or tell why it is skipped."""
    import pydicom

    if path.is_symlink():
        return "a link"
    if path.name == _INDEX or not is_dicom(path):
        return "not a DICOM image"
    try:
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        if not text(dataset, "Rows") or text(dataset, "Modality") in NO_PICTURES:
            return "holds no image"
        return _describe(path, dataset)
    except Exception:
        return "damaged"


def _describe(path: Path, dataset: Any) -> _File:
    return _File(
        path,
        instance=text(dataset, "SOPInstanceUID"),
        series=text(dataset, "SeriesInstanceUID"),
        study=text(dataset, "StudyInstanceUID"),
        patient=text(dataset, "PatientID"),
        header=read_header(dataset),
    )


def _problems(root: Path, found: list[_File]) -> list[str]:
    problems: list[str] = []
    seen: dict[str, str] = {}
    for file in found:
        name = file.path.relative_to(root).as_posix()
        if not file.patient:
            problems.append(f"{name}: the header has no PatientID; add a manifest.csv that names the subjects")
        if not file.instance:
            problems.append(f"{name}: the header has no SOPInstanceUID; export the image again")
        elif file.instance in seen:
            problems.append(f"{name}: is the same image (SOPInstanceUID) as {seen[file.instance]}; remove one")
        else:
            seen[file.instance] = name
    return problems


def _group(found: list[_File]) -> Iterator[tuple[Path, str, list[_File]]]:
    """Put the slices of a series together.

    Gives for each sample what :func:`reid_engine.scan.read_scan` reads, the UID that stands for it, and its
    files.
    """
    in_folder: dict[Path, set[str]] = {}
    folders_of: dict[str, set[Path]] = {}
    groups: dict[tuple[Path, str], list[_File]] = {}
    for file in found:
        folder = file.path.parent
        in_folder.setdefault(folder, set()).add(file.series)
        folders_of.setdefault(file.series, set()).add(folder)
        whole = file.header.modality in VOLUMES and file.series
        groups.setdefault((folder, file.series if whole else file.instance), []).append(file)
    for (folder, uid), files in groups.items():
        if len(files) == 1:
            yield files[0].path, files[0].instance, files
            continue
        path = folder if len(in_folder[folder]) == 1 else series_path(folder, uid)
        yield path, uid if len(folders_of[uid]) == 1 else files[0].instance, files


def _make_sample(path: Path, uid: str, file: _File, rename: Rename) -> Sample:
    header, facts = file.header, file.header.facts
    return Sample(
        sample_id=rename(uid, "I", SAMPLE_DIGITS),
        path=path,
        subject_id=rename(file.patient, "S"),
        session_id=rename(file.study, "V") if file.study else None,
        modality=None if header.radiograph else header.modality,
        laterality=header.laterality,
        view=header.view,
        sex=_text(facts.get("sex")),
        age=_number(facts.get("age")),
        ethnicity=_text(facts.get("ethnicity")),
        acquired=_text(facts.get("acquired")),
        device=_text(facts.get("device")),
    )


def _text(value: str | float | None) -> str | None:
    return None if value is None else str(value)


def _number(value: str | float | None) -> float | None:
    return None if value is None else float(value)
