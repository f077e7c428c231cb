"""``reid-engine probes --gallery DIR``: what the gallery's images give away of each attribute."""

from pathlib import Path

import click

from reid_engine.cli.options import gallery_option, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import look_at_gallery


@click.command(short_help="Fit the leakage probes of a gallery again.")
@gallery_option
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME",
    help="A column of the table, sex for one; may be repeated. By default all that can be probed.",
)
@output_options
def probes(gallery: Path, attributes: tuple[str, ...], as_json: bool) -> int:
    """Fit the leakage probes again and store them in the gallery, where checks use them.

    A class needs 20 subjects, a number 40. Smaller classes are left out and named. An attribute that
    was asked for and cannot be probed in any modality is refused, and nothing is changed.
    """
    look_at_gallery(gallery)
    from reid_engine.matcher.gallery import Gallery
    from reid_engine.probing import fit_probes

    opened = Gallery.open(gallery)
    with progress_bar() as progress:
        found = fit_probes(opened, attributes or None, progress=progress).to_json()
    if as_json:
        held = {
            "path": str(gallery),
            "subjects": int(opened.table["subject_id"].nunique()),
            "samples": len(opened),
        }
        print_json({"schema": "reid-probes/1", "gallery": held, "encoder": opened.encoder.name, **found})
    else:
        from reid_engine.report.probing_text import probing_report

        console().print(probing_report(found))
    return 0
