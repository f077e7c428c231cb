"""One to one, open set and retrieval: the measures of biometrics and forensics."""

from collections.abc import Sequence

from reid_engine.report.page import names
from reid_engine.report.page.numbers import ABOVE, metric
from reid_engine.report.page.selection import Attack, Group, Results
from reid_engine.report.page.table import ABSENT, Cell, Line, Notes, Part, Table, count_cell, value_cell

OPEN_SET = ("fnir@fpir=0.01", "fnir@fpir=0.003")
VERIFICATION = ("auc", "eer", "cllr", "min_cllr", "ece")
RETRIEVAL = ("auc", "precision@1", "map@r")

PUBLISHED = {"auc": "0.9940", "precision@1": "0.9963", "map@r": "0.9748"}
"""ChestX-ray14, Packhäuser et al., Scientific Reports 12:14851, 2022 (abstract)."""


def open_set_table(results: Results) -> Table | None:
    """Give the misses at fixed rates of false alarms, half the people not being enrolled."""
    return _table(
        results, "open-set", "Open set: people missed (FNIR) at a fixed rate of false alarms (FPIR)", OPEN_SET
    )


def stated_table(results: Results) -> Table | None:
    """Give how many images a check would state a high probability for."""
    above = dict.fromkeys(str(row.get("metric")) for row in results.rows if str(row.get("metric")).startswith(ABOVE))
    caption = "Images for which a check states a high probability of being re-identified"
    return _table(results, "stated", caption, list(above), (False,)) if above else None


def verification_table(results: Results) -> Table | None:
    """Give how well the scores tell one person from two, and whether they are calibrated."""
    return _table(results, "verification", "Verification and calibration of the scores", VERIFICATION)


def retrieval_table(results: Results) -> Table | None:
    """Give the measures of Packhäuser et al. beside their figures."""
    table = _table(
        results, "retrieval", "The measures of Packhäuser et al. (2022), beside their figures", RETRIEVAL, (False,)
    )
    if table is None:
        return None
    figures = [Cell(PUBLISHED[name]) for name in RETRIEVAL]
    published = Line(
        ("ChestX-ray14, a network trained on it", "trained network"), [*figures, ABSENT, ABSENT], "published"
    )
    return Table(
        table.name,
        table.caption,
        table.heads,
        table.columns,
        [*table.parts, Part("for comparison", [published])],
        table.notes,
    )


def _table(
    results: Results, name: str, caption: str, metrics: Sequence[str], kinds: Sequence[bool] = (False, True)
) -> Table | None:
    notes = Notes()
    parts = [_part(results, group, metrics, notes, kinds) for group in results.groups]
    kept = [part for part in parts if part.lines]
    if not kept:
        return None
    columns = [metric(one).label for one in metrics]
    return Table(name, caption, ("encoder or baseline", "attacker"), [*columns, "people", "images"], kept, notes)


def _part(results: Results, group: Group, metrics: Sequence[str], notes: Notes, kinds: Sequence[bool]) -> Part:
    lines = []
    strongest = results.proven(group)
    for baselines in kinds:
        for attack in results.attacks(group, baselines=baselines):
            for stratum in results.strata(group):
                line = _line(results, group, attack, stratum, metrics, notes, (baselines, attack == strongest))
                if line is not None:
                    lines.append(line)
                    break
    return Part(group.label, lines)


def _line(
    results: Results,
    group: Group,
    attack: Attack,
    stratum: str,
    metrics: Sequence[str],
    notes: Notes,
    kind: tuple[bool, bool],
) -> Line | None:
    rows = [_row(results, group, attack, stratum, name) for name in metrics]
    present = [row for row in rows if row is not None]
    if not present or not any(row.get("value") is not None or row.get("note") for row in present):
        return None
    cells = [value_cell(row, notes) for row in rows]
    counts = [count_cell(present[0], what) for what in ("subjects", "images")]
    heads = (names.encoder(attack.encoder), names.attacker(attack.attacker))
    return Line(heads, [*cells, *counts], "baseline" if kind[0] else "strongest" if kind[1] else "", kind[1])


def _row(results: Results, group: Group, attack: Attack, stratum: str, name: str) -> "dict[str, object] | None":
    """Give a metric's row in this stratum, or in the first that has it."""
    for place in dict.fromkeys([stratum, *results.strata(group)]):
        row = results.find(group, attack, place, "image", name)
        if row is not None:
            return dict(row)
    return None
