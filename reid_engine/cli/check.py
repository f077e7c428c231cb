"""``reid-engine check SCAN --gallery DIR``: one scan against the gallery."""

from pathlib import Path

import click

from reid_engine.cli.failures import GATE_FAILED
from reid_engine.cli.options import FOLDER, encoder_options, gallery_option, output_options
from reid_engine.cli.output import console, print_json
from reid_engine.cli.preflight import open_check

LEVELS = ("low", "elevated", "high")


@click.command(short_help="Check how identifying one scan is.")
@click.argument("scan", type=FOLDER)
@gallery_option
@click.option("--modality", metavar="M", help="CFP, OCT, CXR, CT, MR …; by default found out.")
@click.option(
    "--prior-enrolled",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=0.5,
    show_default=True,
    metavar="P",
    help="Probability beforehand that the patient is enrolled.",
)
@click.option(
    "--population",
    type=click.IntRange(1, 10**10),
    metavar="N",
    help="People the patient is one of; by default the subjects of the gallery.",
)
@click.option("--top", type=click.IntRange(1, 100), default=10, show_default=True, metavar="K", help="Matches to show.")
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS),
    help="Exit with 1 when the risk is at least this level, or unknown.",
)
@encoder_options
@output_options
def check(
    scan: Path,
    gallery: Path,
    modality: str | None,
    prior_enrolled: float,
    population: int | None,
    top: int,
    fail_on: str | None,
    encoder: str | None,
    weights: Path | None,
    as_json: bool,
) -> int:
    """Check how easily SCAN identifies its patient.

    SCAN is a DICOM, NIfTI, NRRD, PNG, JPEG or TIFF file, or a folder that is one DICOM series. It is
    compared with the images of the gallery and neither stored nor sent anywhere.
    """
    picture, assessor = open_check(scan, gallery, modality, encoder, weights)
    report = assessor.assess(picture, prior_enrolled=prior_enrolled, population=population, top=top).to_json()
    if as_json:
        print_json(report)
    else:
        from reid_engine.report.text import risk_report

        console().print(risk_report(report))
    return GATE_FAILED if _gate_failed(report["risk"]["level"], fail_on) else 0


def _gate_failed(level: str, limit: str | None) -> bool:
    if limit is None:
        return False
    return level not in LEVELS or LEVELS.index(level) >= LEVELS.index(limit)
