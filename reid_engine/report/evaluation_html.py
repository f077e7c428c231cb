"""The report of ``reid-engine evaluate`` as one page of HTML that needs nothing beside it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from reid_engine.report.page import (
    audit,
    examples,
    gate,
    headline,
    identification,
    ladder,
    leakage,
    measured,
    verification,
)
from reid_engine.report.page.numbers import finite
from reid_engine.report.page.panels import panels
from reid_engine.report.page.selection import Results
from reid_engine.report.words import one_line

if TYPE_CHECKING:
    from jinja2 import Environment

Json = Mapping[str, Any]

TITLE = "How easily do these images identify the people in them?"

TEMPLATE = "evaluation.html.j2"

CURVES = ("cmc", "scores", "det", "calibration", "gallery-size", "near-threshold")


def render_evaluation(
    report: Json,
    *,
    pictures: Mapping[str, bytes] | None = None,
    title: str = TITLE,
) -> str:
    """Write an evaluation's report as a page.

    Parameters
    ----------
    report
        The document ``reid-evaluation/1``; sections that it lacks are said to be missing.
    pictures
        PNG bytes by sample id, as :func:`reid_engine.report.pictures.example_pictures` gives them. They are left out
        of a shareable report, as are all ids.
    title
        Heading of the page.

    Returns
    -------
    str
        HTML with style, figures and pictures inside: it loads nothing and runs nothing. The same for the same input.
    """
    shareable = bool(report.get("shareable"))
    results = Results.of(_rows(report, "results"))
    context = {
        "title": one_line(title),
        "shareable": shareable,
        **_headline(report, results),
        **_tables(results),
        **_curves(report, results),
        **_leakage(report, results),
        **_review(report, {} if shareable else pictures or {}, shareable=shareable),
        "settings": measured.settings(_mapping(report, "environment")),
        "definitions": measured.DEFINITIONS,
    }
    return _templates().get_template(TEMPLATE).render(context)


def _headline(report: Json, results: Results) -> dict[str, Any]:
    limits = _mapping(report, "gate")
    return {"lede": headline.lede(results), "cards": headline.cards(results), "verdict": gate.verdict(limits)}


def _tables(results: Results) -> dict[str, Any]:
    return {
        "rates": identification.main_table(results),
        "ladders": ladder.ladders(results),
        "strata": identification.strata_table(results),
        "open_set": verification.open_set_table(results),
        "stated": verification.stated_table(results),
        "verification": verification.verification_table(results),
        "retrieval": verification.retrieval_table(results),
    }


def _curves(report: Json, results: Results) -> dict[str, Any]:
    curves, measured = _rows(report, "curves"), report.get("curves") is not None
    used = finite(_mapping(report, "environment").get("near_duplicate_similarity"))
    return {"panels": {kind: panels(kind, curves, results, used) if measured else [] for kind in CURVES}}


def _leakage(report: Json, results: Results) -> dict[str, Any]:
    found = leakage.attributes(_rows(report, "probes"))
    return {"leakage": leakage.leakage_table(found), "leakage_charts": leakage.leakage_charts(found, results)}


def _review(report: Json, pictures: Mapping[str, bytes], *, shareable: bool) -> dict[str, Any]:
    """Give what names images: of a shareable report only how many there are."""
    text, refused = audit.refused_lines(_rows(report, "refused"), shareable=shareable)
    return {
        "audit": audit.kinds(_rows(report, "audit"), _rows(report, "audit_notes"), shareable=shareable),
        "audited": report.get("audit") is not None,
        "galleries": examples.galleries(_rows(report, "examples"), pictures),
        "gate": gate.gate_table(_mapping(report, "gate")),
        "refused_text": text,
        "refused": refused,
    }


def _rows(report: Json, key: str) -> Sequence[Json]:
    rows = report.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, Sequence) else []


def _mapping(report: Json, key: str) -> Json:
    value = report.get(key)
    return value if isinstance(value, Mapping) else {}


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("reid_engine.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
