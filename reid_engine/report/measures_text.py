"""What the command line shows people of measures."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reid_engine.report.words import number, one_line, percent

Json = Mapping[str, Any]

VERDICTS = {True: "lower", False: "not lower", None: "not known"}
"""What is said of the likelihood ratio of the subject that was most likely before."""


def measures_report(document: Json) -> RenderableType:
    """Show the risk before and after each measure, and what is left of the picture."""
    before = document["before"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("measure", "what it does", "level"):
        table.add_column(head)
    for head in ("recognised", "same person", "LLR"):
        table.add_column(head, justify="right")
    table.add_column("evidence is")
    for head in ("SSIM", "PSNR dB", "pixels kept"):
        table.add_column(head, justify="right")
    table.add_row("none", "the scan as it is", *_risk(before), "", "", "", "")
    for row in document["measures"]:
        table.add_row(
            row["measure"],
            row["title"],
            *_risk(row),
            VERDICTS[row["lowers"]],
            number(row["ssim"], 2),
            number(row["psnr"], 1),
            f"{100 * row['kept']:.0f} %",
        )
    notes = [Padding(Text(f"• {one_line(caveat)}", style="dim"), (0, 0, 0, 1)) for caveat in document["caveats"]]
    return Group(table, "", *notes)


def _risk(row: Json) -> tuple[str, str, str, str]:
    return (row["level"], percent(row["p_reidentified"]), percent(row["p_subject"]), number(row["llr_subject"], 2))
