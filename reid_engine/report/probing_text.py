"""What the command line shows people of a gallery's probes."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reid_engine.report.words import NOTHING, count, interval, number, one_line

Json = Mapping[str, Any]

COLUMNS = {
    "modality": "left",
    "attribute": "left",
    "kind": "left",
    "subjects": "right",
    "subjects a class": "left",
    "quality": "left",
    "95 % interval": "left",
    "chance": "right",
    "p": "right",
}


def probing_report(found: Json) -> RenderableType:
    """Show probes with their quality, then what was left out and what cannot be probed."""
    parts: list[RenderableType] = [_table(found)] if found["probes"] else []
    notes = [f"{_name(row)}: {row['note']}" for row in found["probes"] if row["note"]]
    notes += [f"{_name(row)}: not probed, {row['reason']}" for row in found["unprobed"]]
    parts += [Text(one_line(note), style="dim") for note in notes]
    return Group(*parts) if parts else Text("The gallery's table has no attribute that could be probed.")


def _table(found: Json) -> Table:
    table = Table(title="Leakage probes", title_justify="left", title_style="bold", header_style="bold")
    for name, justify in COLUMNS.items():
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in found["probes"]:
        digits = 2 if row["metric"] == "auc" else 1
        table.add_row(
            row["modality"],
            one_line(row["attribute"]),
            f"{len(row['classes'])} classes" if row["kind"] == "class" else "number",
            count(row["subjects"]),
            ", ".join(f"{one_line(one['name'])} {count(one['subjects'])}" for one in row["classes"]) or NOTHING,
            f"{'AUC' if row['metric'] == 'auc' else 'error'} {number(row['value'], digits)}",
            interval(row["ci95"], digits),
            number(row["chance"], digits),
            number(row["p_value"], 3),
        )
    return table


def _name(row: Json) -> str:
    return f"{row['modality']} {row['attribute']}"
