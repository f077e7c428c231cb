"""``reid-engine remove --gallery DIR SUBJECT…``: subjects who withdraw consent."""

import sys
from pathlib import Path

import click

from reid_engine.cli.options import gallery_option, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import look_at_gallery


@click.command(short_help="Remove subjects from a gallery.")
@click.argument("subjects", nargs=-1, required=True, metavar="SUBJECT...")
@gallery_option
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
@output_options
def remove(subjects: tuple[str, ...], gallery: Path, yes: bool, as_json: bool) -> int:
    """Remove every image of each SUBJECT, and all that was fitted with them, from the disk.

    Calibration and probes are then fitted anew on those who stay.
    """
    look_at_gallery(gallery, filled=False)
    if not yes and not as_json and sys.stdin.isatty():
        noun = "this subject" if len(subjects) == 1 else f"these {len(subjects)} subjects"
        click.confirm(f"Remove {noun} for good?", abort=True, err=True)
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.gallery import Gallery

    opened = Gallery.open(gallery)
    images = opened.remove_subjects(subjects)
    with progress_bar() as progress:
        if len(opened):
            fit_gallery(opened, progress=progress)
    left = int(opened.table["subject_id"].nunique())
    if as_json:
        print_json(
            {
                "schema": "reid-removal/1",
                "removed": {"subjects": len(set(subjects)), "samples": images},
                "gallery": {"path": str(gallery), "subjects": left, "samples": len(opened)},
            }
        )
    else:
        console().print(
            f"Removed {len(set(subjects))} subjects with {images} images. "
            f"{left} subjects with {len(opened)} images stay enrolled."
        )
    return 0
