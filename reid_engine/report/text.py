"""What the command line shows people: a RiskReport and the outcome of the other commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reid_engine.report.words import NOTHING, count, interval, number, one_line, percent, plural, signed

Json = Mapping[str, Any]

LEVELS = {
    "high": ("HIGH RISK", "bold red"),
    "elevated": ("ELEVATED RISK", "bold yellow"),
    "low": ("LOW RISK IN THIS GALLERY", "bold green"),
    "unknown": ("NO STATEMENT POSSIBLE", "bold magenta"),
}
"""Word and colour of each level."""


def risk_report(report: Json) -> RenderableType:
    """Show a RiskReport: headline, assumptions, matches, leakage, caveats."""
    parts: list[RenderableType] = [headline(report), *_band(report), _assumptions(report)]
    if report["matches"]:
        parts += ["", matches_table(report["matches"])]
    if report["leakage"]:
        parts += ["", leakage_table(report["leakage"])]
    unknown = report.get("leakage_unknown", ())
    parts += [Text(one_line(f"{row['attribute']}: not known, {row['reason']}"), style="dim") for row in unknown]
    parts.append("")
    parts += [Padding(Text(f"• {one_line(caveat)}", style="dim"), (0, 0, 0, 1)) for caveat in report["caveats"]]
    return Group(*parts)


def headline(report: Json) -> Text:
    """Say how risky it is in one or two sentences."""
    risk = report["risk"]
    word, style = LEVELS.get(risk["level"], LEVELS["unknown"])
    text = Text(word, style=style)
    if risk["level"] not in LEVELS or risk["level"] == "unknown":
        text.append(": this is not a low risk; treat the scan as identifying.", style="not bold")
        return text.append(f" {risk['reason']}" if risk.get("reason") else "", style="not bold")
    chance = percent(risk["p_reidentified"])
    ends = risk["ci95"]
    between = f" ({interval(ends, 0, 100.0)} %)" if ends is not None and None not in ends else ""
    subject = report["matches"][0]["subject_id"] if report["matches"] else None
    whose = f"this is {subject}" if subject is not None else "the patient is recognised"
    text.append(f": {chance}{between} that {whose}.", style="not bold")
    if risk.get("anonymity_set") is not None:
        people = report["assumptions"].get("population") or report["gallery"]["subjects"]
        text.append(
            f" The patient hides among {number(risk['anonymity_set'], 1)} of {count(people)} people.",
            style="not bold",
        )
    return text


def _band(report: Json) -> list[Text]:
    """Say how often scans with such a probability were truly re-identified."""
    band = report["risk"].get("band")
    if not band or band.get("reidentified") is None:
        return []
    ends = f" ({interval(band['ci95'], 0, 100.0)} %)" if band.get("ci95") else ""
    return [
        Text(
            f"Of {plural(band['n'], 'enrolled image')} that were tried with such a probability, "
            f"{percent(band['reidentified'])}{ends} were truly re-identified."
        )
    ]


def _assumptions(report: Json) -> Text:
    scan, gallery, assumed = report["scan"], report["gallery"], report["assumptions"]
    judged = (
        f" (judged from the image, {percent(scan.get('modality_confidence'))})"
        if scan.get("modality_source") == "image"
        else ""
    )
    people = assumed.get("population") or gallery["subjects"]
    text = Text(style="dim")
    text.append(f"Assumes a chance of {percent(assumed['prior_enrolled'])} beforehand that the patient is one of ")
    text.append(f"{count(people)} people.\n")
    text.append(f"{scan['modality']}{judged}; gallery of {plural(gallery['subjects'], 'subject')}, ")
    text.append(f"{plural(gallery['samples'], 'image')}; encoder {report['encoder']['name']}.")
    return text


def matches_table(matches: Sequence[Json]) -> Table:
    """Show the nearest identities."""
    table = _table("Nearest identities", rank="right", subject="", image="", similarity="right", llr="right")
    table.columns[-1].header = "log10 LR"
    for name, justify in (("p(same)", "right"), ("remark", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for match in matches:
        table.add_row(
            str(match["rank"]),
            one_line(match["subject_id"]),
            one_line(match["sample_id"]),
            number(match["similarity"], 3),
            signed(match["llr"]),
            percent(match["p_same"]),
            _remark(match),
            style="bold" if match["rank"] == 1 else "",
        )
    return table


def _remark(match: Json) -> str:
    remarks = []
    if match.get("identical"):
        remarks.append("the same image")
    elif match.get("near_duplicate"):
        remarks.append("near-duplicate")
    if match.get("same_session"):
        remarks.append("same session")
    return ", ".join(remarks)


def leakage_table(leakage: Sequence[Json]) -> Table:
    """Show what the image gives away of each attribute."""
    table = _table(
        "Leakage",
        attribute="",
        guess="",
        p="right",
        before="right",
        bits="right",
        quality="",
        subjects="right",
    )
    table.columns[2].header, table.columns[3].header = "probability", "prior"
    table.columns[5].header = "measured quality of the guess"
    for row in leakage:
        table.add_row(
            one_line(row["attribute"]),
            _guess(row),
            percent(row.get("p")),
            percent(row.get("prior")),
            number(row.get("bits")),
            quality(row),
            count(row.get("n")),
        )
    return table


def _guess(row: Json) -> str:
    value = row["prediction"]
    return number(value, 0) if isinstance(value, float) else one_line(value)


def quality(row: Json) -> str:
    """Give a probe's measured AUC or error with its interval."""
    if row.get("probe_auc") is not None:
        return f"AUC {number(row['probe_auc'])} ({interval(row.get('probe_auc_ci95'))})"
    if row.get("probe_mae") is not None:
        return f"error {number(row['probe_mae'], 1)} ({interval(row.get('probe_mae_ci95'), 1)})"
    return number(None)


def enrolment(summary: Json) -> Text:
    """Show what enrolling did, and what was refused; lines are not to be broken, for they hold paths."""
    gallery = summary["gallery"]
    text = Text(
        f"Added {summary['added']}, skipped {summary['skipped']} that were there, "
        f"replaced {summary['replaced']}.\n"
        f"{one_line(gallery['path'])} holds {plural(gallery['samples'], 'image')} of "
        f"{plural(gallery['subjects'], 'subject')}; encoder {summary['encoder']['name']}."
    )
    if summary["passed_over"]:
        text.append(f"\nPassed over, as holding no image: {plural(len(summary['passed_over']), 'file')}.")
    if summary["refused"]:
        text.append("\nRefused:", style="bold")
    for one in summary["refused"]:
        text.append(f"\n  {one_line(one['reason'])}", style="red")
    return text


def encoder_list(rows: Sequence[Json], default: str) -> RenderableType:
    """Show the encoders."""
    table = _table(None, name="", made="", dim="right", input="right", embedding="", licence="", weights="")
    table.columns[0].no_wrap = True
    table.columns[1].header = "made for"
    for row in rows:
        at_hand = Text("at hand", style="green") if row["weights_at_hand"] else Text("missing", style="yellow")
        table.add_row(
            row["name"] + (" (default)" if row["name"] == default else ""),
            ", ".join([*row["modalities"], *(f"{name}: own weights" for name in row["own_weights_for"])]),
            str(row["dim"] or NOTHING),
            f"{row['input_size']} px" if row["input_size"] else number(None),
            row["pooling"],
            row["licence"],
            at_hand,
        )
    advice = [Text(f"{row['name']}: {row['advice']}", style="dim") for row in rows if row["advice"]]
    return Group(table, *advice, Text("Any timm model can be used as timm:NAME.", style="dim"))


def _table(title: str | None, **columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for name, justify in columns.items():
        table.add_column(name, justify=justify or "left", overflow="fold")  # type: ignore[arg-type]
    return table
