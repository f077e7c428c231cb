"""``reid-engine evaluate COHORT --out DIR``: a cohort against itself."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from reid_engine.cli.failures import GATE_FAILED
from reid_engine.cli.options import FOLDER, cohort_options, encoder_options, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import load_gallery_encoder, look_at_cohort, look_at_weights
from reid_engine.errors import CohortError


@click.command(short_help="Measure how re-identifiable a whole cohort is.")
@click.argument("cohort", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, metavar="DIR", help="Folder for report.json.")
@encoder_options
@cohort_options
@output_options
def evaluate(
    cohort: Path,
    out: Path,
    encoder: str | None,
    weights: Path | None,
    batch_size: int,
    no_pseudonyms: bool,
    as_json: bool,
) -> int:
    """Measure how often images of COHORT find their own subject among the others.

    Rank-1 and rank-5 with chance and 95 % intervals over subjects, for each modality; the whole report goes
    to report.json in the folder --out.
    """
    look_at_cohort(cohort)
    look_at_weights(weights)
    if out.exists() and not out.is_dir():
        raise CohortError(str(out), ["is a file; give a folder for the report"])
    from reid_engine.cohort import read_cohort

    samples = read_cohort(cohort, pseudonymise=not no_pseudonyms)
    network = load_gallery_encoder(encoder, weights, None)
    from reid_engine.evaluation import evaluate as evaluate_cohort

    out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        report = evaluate_cohort(samples, network, store=out, batch_size=batch_size, progress=progress).to_json()
    _write(out / "report.json", report)
    if as_json:
        print_json(report)
    else:
        from reid_engine.report.evaluation_text import evaluation_report

        screen = console()
        screen.print(evaluation_report(report))
        screen.print(f"The whole report is in {out / 'report.json'}", soft_wrap=True)
    return GATE_FAILED if report["gate"]["passed"] is False else 0


def _write(path: Path, report: Mapping[str, Any]) -> None:
    """Put the report in its place at once, so that nobody reads half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(report, allow_nan=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
