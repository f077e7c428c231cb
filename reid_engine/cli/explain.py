"""``reid-engine explain SCAN --gallery DIR --out FILE``: which regions of one scan made it match."""

from pathlib import Path

import click

from reid_engine.cli.options import FOLDER, encoder_options, gallery_option, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import open_check


@click.command(short_help="Show which regions of one scan made it match.")
@click.argument("scan", type=FOLDER)
@gallery_option
@click.option("--out", type=FOLDER, required=True, metavar="FILE.png", help="The map over the scan's middle slice.")
@click.option("--subject", metavar="ID", help="An enrolled subject; by default the most alike one.")
@click.option("--modality", metavar="M", help="CFP, OCT, CXR, CT, MR …; by default found out.")
@encoder_options
@output_options
def explain(
    scan: Path,
    gallery: Path,
    out: Path,
    subject: str | None,
    modality: str | None,
    encoder: str | None,
    weights: Path | None,
    as_json: bool,
) -> int:
    """Write a map of the regions of SCAN without which it would be less like a subject's enrolled image.

    Regions are blurred in turn, and the similarity that is lost is drawn where they lie.
    """
    from reid_engine.report.written import look_at_picture_path, write_picture

    look_at_picture_path(out, scan)
    picture, assessor = open_check(scan, gallery, modality, encoder, weights)
    from reid_engine.explanation import explain as explain_match
    from reid_engine.report.heat import heat_png

    with progress_bar() as progress:
        found = explain_match(assessor, picture, subject, progress=progress)
    write_picture(out, heat_png(picture, found.map), scan)
    if as_json:
        print_json({**found.to_json(), "map": str(out)})
    else:
        from reid_engine.report.words import number, percent

        console().print(
            f"{out}: similarity {number(found.similarity, 3)} to {found.subject_id} ({found.sample_id}); "
            f"the region that counts most makes {percent(found.map.max())} of it."
        )
    return 0
