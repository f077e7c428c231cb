"""``reid-engine enrol COHORT --gallery DIR``: put a cohort's images into the gallery."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reid_engine.cli.failures import BAD_INPUT
from reid_engine.cli.options import FOLDER, cohort_options, encoder_options, gallery_option, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import (
    choose_encoder,
    load_gallery_encoder,
    look_at_cohort,
    look_at_encoder,
    look_at_new_gallery,
    look_at_weights,
)
from reid_engine.cli.streams import say

if TYPE_CHECKING:
    from reid_engine.encoder import Encoder
    from reid_engine.matcher.enrolment import Enrolment
    from reid_engine.matcher.gallery import Gallery


@click.command(short_help="Enrol a cohort's images into a gallery.")
@click.argument("cohort", type=FOLDER)
@gallery_option
@encoder_options
@cohort_options
@output_options
def enrol(
    cohort: Path,
    gallery: Path,
    encoder: str | None,
    weights: Path | None,
    batch_size: int,
    no_pseudonyms: bool,
    as_json: bool,
) -> int:
    """Enrol COHORT: what an attacker could hold.

    COHORT is a folder of DICOM files, a folder with a manifest.csv, or a .csv file. Enrolling again skips
    what is there, and replaces what changed. Stopped half-way, it goes on where it was.

    --encoder auto takes an encoder made for the images' modality when all have the same one and its weights are
    at hand, else the default; a gallery that is there keeps its own.
    """
    look_at_cohort(cohort)
    ledger = look_at_new_gallery(gallery)
    from reid_engine.encoder import AUTO

    if encoder == AUTO and ledger is not None:
        encoder = None
    if encoder != AUTO:
        look_at_encoder(encoder, gallery, ledger)
    look_at_weights(weights)
    from reid_engine.cohort import read_cohort

    samples = read_cohort(cohort, pseudonymise=not no_pseudonyms)
    network = load_gallery_encoder(*choose_encoder(encoder, weights, samples), ledger)
    opened = _open(gallery, network, new=ledger is None)
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.enrolment import enrol as enrol_cohort

    with progress_bar() as progress:
        done = enrol_cohort(samples, opened, network, batch_size=batch_size, progress=progress)
        opened.reload()
        if len(opened):
            fit_gallery(opened, progress=progress)
    summary = _summary(done, opened, skipped_files=samples.skipped)
    if as_json:
        print_json(summary)
    else:
        from reid_engine.report.text import enrolment

        console().print(enrolment(summary), soft_wrap=True)
    if done.refused:
        counts = f"{len(done.refused)} of {len(samples.samples)} images"
        say(f"reid-engine: {counts} were refused, the others are enrolled", error=True)
    return BAD_INPUT if done.refused else 0


def _open(path: Path, encoder: "Encoder", *, new: bool) -> "Gallery":
    from reid_engine.matcher.gallery import Gallery

    if new:
        return Gallery.create(path, encoder.identity)
    return Gallery.open(path, encoder=encoder.identity)


def _summary(done: "Enrolment", gallery: "Gallery", skipped_files: tuple[str, ...]) -> dict[str, Any]:
    return {
        "schema": "reid-enrolment/1",
        "gallery": {
            "path": str(gallery.path),
            "subjects": int(gallery.table["subject_id"].nunique()),
            "samples": len(gallery),
        },
        "encoder": {"name": gallery.encoder.name, "fingerprint": gallery.encoder.fingerprint},
        "added": done.added,
        "skipped": done.skipped,
        "replaced": done.replaced,
        "refused": [{"file": str(one.path), "reason": one.reason} for one in done.refused],
        "passed_over": list(skipped_files),
    }
