"""The demo, from an empty folder to a report, and nothing left behind."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reid_engine.cohort import Cohort, Sample, read_cohort
from reid_engine.demo.panel import PanelClient, Picture, find_client, take_picture
from reid_engine.demo.split import IMAGES_OF_A_SUBJECT, Split, split_cohort
from reid_engine.demo.tally import Checked, Rank1, rank1_table
from reid_engine.errors import CohortError
from reid_engine.progress import Progress, silent
from reid_engine.serve import check_can_start, start

Tell = Callable[[str], None]
"""Called with each step in words."""

SHOWN_REFUSALS = 3

FEATURED = ("CXR", "CFP", "OCT")
"""Whose first held-out scan is shown in full: the first of these that is there."""


@dataclass(frozen=True)
class DemoOptions:
    """What the demo uses.

    Attributes
    ----------
    out
        Folder for report, picture and summary.
    cohort
        One's own images; None makes phantoms.
    limit
        Most images of one's own cohort that are used.
    subjects, size
        Of the phantoms.
    queries, strangers
        Held-out scans of enrolled subjects for each modality, and subjects who are not enrolled.
    """

    out: Path
    cohort: Path | None = None
    limit: int = 240
    subjects: int = 48
    size: int = 256
    queries: int = 8
    strangers: int = 3


@dataclass(frozen=True)
class DemoResult:
    """What came of it.

    Attributes
    ----------
    featured
        The check that is shown in full, with its RiskReport.
    checks, strangers
        Every held-out scan, of enrolled subjects and of others.
    rank1
        One line for each modality.
    picture
        The panel's picture, or why there is none.
    """

    synthetic: bool
    split: Split
    featured: Checked
    checks: tuple[Checked, ...]
    strangers: tuple[Checked, ...]
    rank1: tuple[Rank1, ...]
    picture: Picture
    out: Path
    seconds: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the summary that is saved as demo.json; finite plain numbers or None."""
        enrolled = self.split.enrolled.samples
        return {
            "schema": "reid-demo/1",
            "synthetic": self.synthetic,
            "enrolled": {"subjects": _subjects(enrolled), "samples": len(enrolled)},
            "held_out": {
                "whole_sessions": self.split.whole_sessions,
                "same_side": self.split.same_side,
                "checks": [check.to_json() for check in self.checks],
                "not_enrolled": [check.to_json() for check in self.strangers],
            },
            "rank1": [line.to_json() for line in self.rank1],
            "featured": self.featured.to_json(),
            "picture": str(self.picture.path) if self.picture.path else None,
            "picture_missing_because": self.picture.reason,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }


def run_demo(options: DemoOptions, *, tell: Tell, progress: Progress = silent) -> DemoResult:
    """Run the demo; whatever happens, the server is stopped and no temporary file is left.

    Raises
    ------
    ReidError
        The cohort is of no use, the server or the client does not work.
    """
    script = find_client()
    if options.out.exists() and not options.out.is_dir():
        raise CohortError(str(options.out), ["is a file; give a folder for what the demo saves"])
    from reid_engine.private_folder import private_folder

    clock = _Clock()
    with ExitStack() as stack:
        folder = stack.enter_context(private_folder("demo"))
        check_can_start(folder / "gallery", None, "127.0.0.1", allow_remote=False)
        split = _prepare(options, folder, tell, progress)
        clock.lap("cohort")
        _enrol(split.enrolled, folder / "gallery", tell, progress)
        clock.lap("enrolment")
        options.out.mkdir(parents=True, exist_ok=True)
        tell("Starting the MONAI Label server on this machine alone.")
        server = stack.enter_context(start(folder / "gallery", log=options.out / "server.log"))
        clock.lap("server")
        tell(f"Checking held-out scans at {server.url} through the panel's own client.")
        client = PanelClient(server.url, script)
        checks = _check_all(client, split.queries, progress)
        strangers = _check_all(client, split.strangers, progress)
        clock.lap("checks")
        featured = next((c for m in FEATURED for c in checks if c.sample.modality == m), checks[0])
        tell("Taking the panel's picture.")
        picture = take_picture(server.url, featured.sample.path, featured.sample.modality, options.out / "panel.png")
        clock.lap("picture")
    rank1 = rank1_table(checks, strangers, split.enrolled)
    result = DemoResult(
        options.cohort is None, split, featured, checks, strangers, rank1, picture, options.out, clock.laps
    )
    _save(options.out / "report.json", featured.report)
    _save(options.out / "demo.json", result.to_json())
    return result


def _prepare(options: DemoOptions, folder: Path, tell: Tell, progress: Progress) -> Split:
    """Make or read the cohort, and divide it."""
    if options.cohort is None:
        from reid_engine.phantom import write_phantom_cohort

        tell(
            f"Painting {options.subjects} synthetic subjects, three visits each: fundus photos, OCT b-scans "
            "and chest x-rays. No person's image is in them, and their numbers say nothing about real patients."
        )
        write_phantom_cohort(folder / "cohort", subjects=options.subjects, size=options.size, progress=progress)
        cohort, limit = read_cohort(folder / "cohort"), 10**9
    else:
        cohort, limit = read_cohort(options.cohort), options.limit
    split = split_cohort(cohort, limit=limit, queries=options.queries, strangers=options.strangers)
    _tell_split(split, limit, tell)
    return split


def _tell_split(split: Split, limit: int, tell: Tell) -> None:
    if split.used < split.available:
        tell(
            f"Using {split.used} of the cohort's {split.available} images: subjects with repeats first, at most "
            f"{IMAGES_OF_A_SUBJECT} images of each, {limit} in all (--limit)."
        )
    tell(f"Enrolling {len(split.enrolled.samples)} images of {_subjects(split.enrolled.samples)} subjects.")
    tell(f"Held out: {len(split.queries)} scans of enrolled subjects, one {_kind(split)}.")
    if split.strangers:
        count = _subjects(split.strangers)
        tell(f"Held out as well: {len(split.strangers)} scans of {count} people who are not enrolled.")


def _subjects(samples: Sequence[Sample]) -> int:
    return len({sample.subject_id for sample in samples})


def _kind(split: Split) -> str:
    if split.whole_sessions:
        return "each, from a visit of which nothing is enrolled"
    if split.same_side:
        return "each; others of the same visit may be enrolled"
    return "each; the other side, or another image, of the same visit may be enrolled"


def _enrol(cohort: Cohort, path: Path, tell: Tell, progress: Progress) -> None:
    from reid_engine.encoder import load_encoder
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery

    encoder = load_encoder()
    gallery = Gallery.create(path, encoder.identity)
    done = enrol(cohort, gallery, encoder, progress=progress)
    for refused in done.refused[:SHOWN_REFUSALS]:
        tell(f"Refused: {refused.reason}")
    if len(done.refused) > SHOWN_REFUSALS:
        tell(f"Refused {len(done.refused) - SHOWN_REFUSALS} more images.")
    fit_gallery(gallery, progress=progress)


def _check_all(client: PanelClient, samples: Sequence[Sample], progress: Progress) -> tuple[Checked, ...]:
    checks = []
    for done, sample in enumerate(samples, start=1):
        params = {"modality": sample.modality} if sample.modality else {}
        checks.append(Checked(sample, client.check(sample.path, params)))
        progress(done, len(samples), "checking held-out scans")
    return tuple(checks)


def _save(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, allow_nan=False, indent=2) + "\n", encoding="utf-8")


class _Clock:
    """Takes the seconds of each step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
