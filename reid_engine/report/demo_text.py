"""What the demo shows people at its end."""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from reid_engine.report.text import risk_report
from reid_engine.report.words import one_line, rate

if TYPE_CHECKING:
    from reid_engine.demo.run import DemoResult
    from reid_engine.demo.tally import Checked

SYNTHETIC = "All images are synthetic: what is measured here shows that the parts work together, and no more."


def demo_result(result: "DemoResult") -> RenderableType:
    """Show the featured check with its truth, rank-1 over all held-out scans, and what was saved."""
    parts: list[RenderableType] = [
        Rule("One held-out scan", align="left"),
        risk_report(result.featured.report),
        "",
        _truth(result.featured),
        "",
        Rule("All held-out scans", align="left"),
        _rank1(result),
        "",
        _saved(result),
    ]
    if result.synthetic:
        parts.append(Text(SYNTHETIC, style="yellow"))
    parts.append(Text("The server is stopped; gallery and temporary files are gone.", style="dim"))
    return Group(*parts)


def _truth(check: "Checked") -> Text:
    subject = one_line(check.sample.subject_id)
    if check.correct:
        return Text(f"In truth this scan is of {subject}: the nearest identity is right.", style="bold green")
    return Text(f"In truth this scan is of {subject}: the nearest identity is wrong.", style="bold red")


def _rank1(result: "DemoResult") -> Table:
    table = Table(header_style="bold")
    for name in ("modality", "scans", "found at rank 1", "rank-1", "chance", "not enrolled, rated high"):
        table.add_column(name, justify="left" if name == "modality" else "right")
    for line in result.rank1:
        table.add_row(
            line.modality,
            str(line.queries),
            str(line.hits),
            rate(line.rate),
            rate(line.chance),
            f"{line.strangers_high} of {line.strangers}" if line.strangers else "",
        )
    return table


def _saved(result: "DemoResult") -> Text:
    text = Text(f"Saved in {result.out}: report.json (the scan above), demo.json (all of them)")
    if result.picture.path is not None:
        return text.append(f", {result.picture.path.name} (the panel with this report).")
    return text.append(f". No picture of the panel: {result.picture.reason}.")
