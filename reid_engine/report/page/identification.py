"""The paper's table, and the strata: who is found, by whom, among whom."""

from reid_engine.report.figures.strip import draw_strip
from reid_engine.report.page import names
from reid_engine.report.page.numbers import both, finite
from reid_engine.report.page.selection import Attack, Group, Results
from reid_engine.report.page.table import Cell, Line, Notes, Part, Table, chance_cell, count_cell, value_cell

LEVELS = ("image", "subject-any", "subject-all")


def main_table(results: Results) -> Table | None:
    """Give rank-1 over all pairs at image and subject level for every encoder, attacker and baseline."""
    notes, parts = Notes(), []
    for group in results.groups:
        strongest = results.proven(group)
        encoders, baselines = results.attacks(group, baselines=False), results.attacks(group, baselines=True)
        lines = [_line(results, group, one, notes, strong=one == strongest) for one in encoders]
        lines += [_line(results, group, one, notes, tag="baseline") for one in baselines]
        parts.append(Part(group.label, lines))
    if not parts:
        return None
    return Table(
        name="rates",
        caption="Re-identification over all pairs: share whose nearest neighbour is the same person",
        heads=("encoder or baseline", "attacker"),
        columns=("rank-1, images", "chance", "people: any image", "people: every image", "people", "images"),
        parts=parts,
        notes=notes,
    )


def _line(results: Results, group: Group, attack: Attack, notes: Notes, *, tag: str = "", strong: bool = False) -> Line:
    rows = [results.rank1(group, attack, level=level) for level in LEVELS]
    cells = [value_cell(row, notes) for row in rows]
    counts = [count_cell(rows[0], name) for name in ("subjects", "images")]
    return Line(
        (names.encoder(attack.encoder), names.attacker(attack.attacker)),
        [cells[0], chance_cell(rows[0]), *cells[1:], *counts],
        tag or ("strongest" if strong else ""),
        strong,
    )


def strata_table(results: Results) -> Table | None:
    """Give rank-1 of the strongest attacker, and of the plain one beside it, in each stratum."""
    notes, parts = Notes(), []
    for group in results.groups:
        attack = results.strongest(group)
        if attack is None:
            continue
        lines = [_stratum(results, group, attack, name, notes) for name in results.strata(group)]
        parts.append(Part(f"{group.label}: {attack.label}", [line for line in lines if line is not None]))
    if not any(part.lines for part in parts):
        return None
    return Table(
        name="strata",
        caption="Rank-1 of the strongest attacker in each stratum, image level",
        heads=("stratum",),
        columns=("rank-1", "0 to 100 %", "chance", "cosine", "people", "images"),
        parts=parts,
        notes=notes,
    )


def _stratum(results: Results, group: Group, attack: Attack, name: str, notes: Notes) -> Line | None:
    row = results.rank1(group, attack, name)
    plain = results.rank1(group, Attack(attack.encoder, names.LADDER[0]), name)
    if row is None and plain is None:
        return None
    counts = [count_cell(row, what) for what in ("subjects", "images")]
    return Line(
        (names.stratum(name),),
        [value_cell(row, notes), _strip(row), chance_cell(row), value_cell(plain, notes), *counts],
    )


def _strip(row: object) -> Cell:
    if not isinstance(row, dict) or finite(row.get("value")) is None:
        return Cell("")
    return Cell("", graphic=draw_strip(finite(row["value"]), both(row.get("ci95")), finite(row.get("chance"))))
