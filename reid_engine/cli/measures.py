"""``reid-engine measures SCAN --gallery DIR``: what would make one scan less recognisable."""

from pathlib import Path

import click

from reid_engine.cli.options import FOLDER, encoder_options, gallery_option, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import open_check


@click.command(short_help="Tell what would lower the risk of one scan.")
@click.argument("scan", type=FOLDER)
@gallery_option
@click.option("--modality", metavar="M", help="CFP, OCT, CXR, CT, MR …; by default found out.")
@click.option("--measure", "names", multiple=True, metavar="NAME", help="Only this one; may be given several times.")
@click.option("--previews", type=FOLDER, metavar="DIR", help="Write the middle slice of each copy as PNG.")
@encoder_options
@output_options
def measures(
    scan: Path,
    gallery: Path,
    modality: str | None,
    names: tuple[str, ...],
    previews: Path | None,
    encoder: str | None,
    weights: Path | None,
    as_json: bool,
) -> int:
    """Apply each measure to a copy of SCAN, and check it again.

    SCAN itself is never written to. The table tells the risk before and after, and how much of the picture is left;
    an attacker who trains on pictures that went through a measure may undo part of it.
    """
    picture, assessor = open_check(scan, gallery, modality, encoder, weights)
    from reid_engine.measures.comparison import compare_measures, to_document

    with progress_bar() as progress:
        before, rows = compare_measures(assessor, picture, names or None, progress=progress)
    if previews is not None:
        from reid_engine.measures.previews import write_previews

        write_previews(previews, rows, scan)
    document = to_document(before, rows)
    if as_json:
        print_json(document)
    else:
        from reid_engine.report.measures_text import measures_report

        console().print(measures_report(document))
    return 0
