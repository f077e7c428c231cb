"""``reid-engine explain SCAN --gallery DIR --out FILE``: which regions of one scan made it match."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reid_engine.cli.options import FOLDER, encoder_options, gallery_option, output_options, pseudonyms_option
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import look_at_cohort, open_check

if TYPE_CHECKING:
    from reid_engine.explanation import EnrolledPictures, Explanation


@click.command(short_help="Show which regions of one scan made it match.")
@click.argument("scan", type=FOLDER)
@gallery_option
@click.option("--out", type=FOLDER, required=True, metavar="FILE.png", help="The map over the scan's middle slice.")
@click.option("--subject", metavar="ID", help="An enrolled subject; by default the most alike one.")
@click.option("--modality", metavar="M", help="CFP, OCT, CXR, CT, MR …; by default found out.")
@click.option(
    "--cohort", type=FOLDER, metavar="COHORT", help="What was enrolled: a transformer's patches are compared with it."
)
@pseudonyms_option
@encoder_options
@output_options
def explain(
    scan: Path,
    gallery: Path,
    out: Path,
    subject: str | None,
    modality: str | None,
    cohort: Path | None,
    no_pseudonyms: bool,
    encoder: str | None,
    weights: Path | None,
    as_json: bool,
) -> int:
    """Write a map of the regions of SCAN that made it match a subject's enrolled image.

    With --cohort and a vision transformer, the patches of SCAN are compared with those of the enrolled image and of
    other subjects' images; drawn is how much more they are like the first. Else regions are blurred in turn, and the
    similarity that is lost is drawn where they lie.
    """
    from reid_engine.report.written import look_at_picture_path, write_picture

    look_at_picture_path(out, scan)
    if cohort is not None:
        look_at_cohort(cohort)
    picture, assessor = open_check(scan, gallery, modality, encoder, weights)
    from reid_engine.explanation import explain as explain_match
    from reid_engine.report.heat import heat_png

    enrolled = None
    if cohort is not None and assessor.encoder.has_patches:
        enrolled = _pictures(cohort, pseudonymise=not no_pseudonyms)
    with progress_bar() as progress:
        found = explain_match(assessor, picture, subject, enrolled=enrolled, progress=progress)
    write_picture(out, heat_png(picture, found.map), scan)
    if as_json:
        print_json({**found.to_json(), "map": str(out)})
    else:
        console().print(_sentence(found, out))
    return 0


def _pictures(cohort: Path, *, pseudonymise: bool) -> "EnrolledPictures":
    """Give the pictures of a cohort's samples."""
    from reid_engine.cohort import read_cohort
    from reid_engine.explanation import SamplePictures

    samples = {one.sample_id: one for one in read_cohort(cohort, pseudonymise=pseudonymise).samples}
    return SamplePictures(samples.get)


def _sentence(found: "Explanation", out: Path) -> str:
    from reid_engine.report.words import number, percent

    told = found.to_json()
    whole = f"{out}: similarity {number(found.similarity, 3)} to {found.subject_id} ({found.sample_id}); "
    if told["most_lost"] is not None:
        note = "" if found.note is None else f" Patches were not compared: {found.note}."
        return f"{whole}the region that counts most makes {percent(told['most_lost'])} of it.{note}"
    if not told["margin"]:
        return f"{whole}no patch is more like a patch of that image than of {found.others} other subjects' images."
    return (
        f"{whole}the patch that counts most is more like a patch of that image than of {found.others} other subjects' "
        f"images, by {number(told['margin'], 3)} in cosine."
    )
