"""``reid-engine demo``: the whole way of a scan, on synthetic images or on one's own."""

from pathlib import Path

import click

from reid_engine.cli.interrupts import ending_in_order
from reid_engine.cli.options import FOLDER, output_options
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import look_at_cohort


@click.command(short_help="Show the whole way of a scan.")
@click.option("--cohort", type=FOLDER, metavar="DIR", help="Your own images; by default synthetic ones.")
@click.option(
    "--out",
    type=FOLDER,
    default=Path("demo_output"),
    show_default=True,
    metavar="DIR",
    help="Folder for report, picture and summary.",
)
@click.option(
    "--limit",
    type=click.IntRange(4, 100_000),
    default=240,
    show_default=True,
    metavar="N",
    help="Most images of your cohort that are used.",
)
@output_options
def demo(cohort: Path | None, out: Path, limit: int, as_json: bool) -> int:
    """Enrol a cohort, start the server, check held-out scans as the panel does, and stop everything.

    Gallery and server live in a temporary folder and on this machine alone, and are gone at the end.
    """
    if cohort is not None:
        look_at_cohort(cohort)
    from reid_engine.demo import DemoOptions, run_demo

    screen = None if as_json else console()
    with ending_in_order(), progress_bar() as progress:
        result = run_demo(
            DemoOptions(out=out, cohort=cohort, limit=limit),
            tell=lambda step: screen.print(step, style="cyan") if screen else None,
            progress=progress,
        )
    if screen is None:
        print_json(result.to_json())
    else:
        from reid_engine.report.demo_text import demo_result

        screen.print(demo_result(result))
    return 0
