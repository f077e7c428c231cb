"""The page of an evaluation: whole, self-contained, accessible, honest, and nobody's ids where it is to be shared."""

import re

import pytest

from reid_engine.report.evaluation_html import render_evaluation
from tests.report import samples
from tests.report.reading import read, rows, section

NO_VALUE = re.compile(r"\b(None|nan|NaN|null|undefined|inf)\b")

SECTIONS = ("summary", "rates", "ladder", "strata", "rank", "scores", "calibration", "gallery", "threshold", "openset",
            "verification", "retrieval", "leakage", "audit", "examples", "gate", "method")  # fmt: skip


def small():
    """One kind of images and half of the figures, for what has to be drawn again."""
    return samples.report(
        results=[row for row in samples.results("CXR") if row["stratum"] == "all"],
        curves=[one for one in samples.curves("CXR") if one["kind"] in ("cmc", "det", "near-threshold")],
        probes=samples.probes("CXR"),
    )


def plain(text):
    return text.replace("\u00a0", " ").replace("\u2212", "-").replace("\u2060", "")


def number(text):
    """The first number of a cell."""
    return float(re.search(r"-?\d+(\.\d+)?", plain(text).replace("\u202f", ""))[0])


def test_it_loads_and_runs_nothing(page, html):
    assert not list(page.all("script", "link", "iframe", "object", "embed", "base", "form"))
    assert "@import" not in html
    for element in page.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on"), (element.tag, name)
            if name == "src":
                assert value.startswith("data:image/png;base64,")
            if name == "href":
                assert value.startswith(("#", "https://doi.org/")), value
            assert "url(" not in (value or "") or re.findall(r"url\(([^)]*)\)", value)[0].startswith("#")


def test_what_is_noted_of_the_strongest_attack_stands_in_the_summary():
    """Such as that its encoder learnt from these very people: the rate means little then."""
    document = small()
    for row in document["results"]:
        if row["metric"] == "rank-1" and row["level"] == "image":
            row["note"] = f"{row['encoder']} learnt from 12 of these images"
    text = section(read(render_evaluation(document)), "summary").text()
    assert text.count("learnt from 12 of these images.") == 1
    assert "learnt from" not in section(read(render_evaluation(small())), "summary").text()


def test_its_parts_come_in_order_and_the_sections_can_be_reached(page):
    assert tuple(one.attributes["id"] for one in page.all("section")) == SECTIONS
    links = [link.attributes["href"] for link in next(page.all("nav")).all("a")]
    assert links == [f"#{name}" for name in SECTIONS]


def test_ids_are_unique_and_what_refers_to_them_is_there(page):
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        for name, value in element.attributes.items():
            wanted = re.findall(r"url\(#([^)]+)\)", value or "")
            if name == "href" and value.startswith("#"):
                wanted.append(value[1:])
            if name in ("aria-labelledby", "aria-describedby"):
                wanted += value.split()
            assert set(wanted) <= set(ids), (element.tag, name, value)


def test_every_figure_says_what_it_shows(page):
    drawings = [one for one in page.all("svg") if one.attributes.get("aria-hidden") != "true"]
    assert len(drawings) == 2 * 6 + 2 + 4  # curves, ladders, probes
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        title, description = next(drawing.all("title")), next(drawing.all("desc"))
        assert drawing.attributes["aria-labelledby"].split() == [title.attributes["id"], description.attributes["id"]]
        assert len(title.text()) > 5
        assert re.search(r"\d", description.text()), title.text()
    for picture in page.all("img"):
        assert picture.attributes["alt"].strip()


def test_tables_and_language_are_marked_up(page):
    assert next(page.all("html")).attributes["lang"] == "en"
    assert len(list(page.all("h1"))) == 1
    for head in page.all("th"):
        assert head.attributes["scope"] in ("col", "row", "rowgroup")
    for table in page.all("table"):
        assert list(table.all("th"))


def test_the_headline_is_the_strongest_attacker_with_chance_and_interval(page, document):
    text = plain(section(page, "summary").text())
    for modality, (subjects, images, _) in samples.COHORT.items():
        best = max(
            (row for row in document["results"] if _is(row, modality, "all", "image", "rank-1", samples.ENCODER)),
            key=lambda row: row["value"],
        )
        assert best["attacker"] == "plda"
        assert f"{100 * best['value']:.1f} %" in text
        assert f"95 % interval {100 * best['ci95'][0]:.1f} to {100 * best['ci95'][1]:.1f} %" in text
        assert f"{images} images of {subjects} people" in text
    assert "decision support, not a determination; no match in this set is no proof of safety" in text
    assert "Not passed" in text
    assert "the limit is 5.0 %" in text


def _is(row, modality, stratum, level, metric, encoder):
    wanted = (modality, stratum, level, metric, encoder)
    return (row["modality"], row["stratum"], row["level"], row["metric"], row["encoder"]) == wanted


ENCODERS = {
    "raw pixels": "pixels",
    "untrained network": "untrained",
    "demographics alone": "demographics",
    "border and exposure alone": "border-exposure",
}
ATTACKERS = {"PLDA": "plda"}


def _attack(line):
    name = re.sub(r" (baseline|strongest)$", "", line["encoder or baseline"])
    return ENCODERS.get(name, name), ATTACKERS.get(line["attacker"], line["attacker"])


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("rates", {"rank-1, images": ("all", "image", "rank-1"), "people: any image": ("all", "subject-any", "rank-1"), "people: every image": ("all", "subject-all", "rank-1")}),
        ("verification", {name: ("near-duplicates removed", "image", metric) for name, metric in (("AUC", "auc"), ("EER", "eer"), ("Cllr", "cllr"), ("min-Cllr", "min_cllr"), ("ECE", "ece"))}),
        ("open-set", {"FNIR at FPIR 1 %": ("near-duplicates removed", "image", "fnir@fpir=0.01"), "FNIR at FPIR 0.3 %": ("near-duplicates removed", "image", "fnir@fpir=0.003")}),
        ("retrieval", {"precision@1": ("all", "image", "precision@1"), "mAP@R": ("all", "image", "map@r")}),
    ],
)  # fmt: skip
def test_numbers_are_those_of_the_report(page, document, table, columns):
    held = {
        (row["modality"], row["encoder"], row["attacker"], row["stratum"], row["level"], row["metric"]): row
        for row in document["results"]
    }
    seen = 0
    for modality, line in rows(page, table):
        line = {plain(name): text for name, text in line.items()}
        if modality == "for comparison":
            continue
        encoder, attacker = _attack(line)
        for column, (stratum, level, metric) in columns.items():
            row = held.get((modality, encoder, attacker, stratum, level, metric))
            if row is None:
                assert line[column] == "–"
            elif row["value"] is None:
                assert plain(line[column]).startswith("cannot be estimated")
            else:
                factor, reach = (100, 0.051) if "%" in line[column] else (1, 0.00051)
                assert abs(number(line[column]) - factor * row["value"]) <= reach
                low, high = (float(end) for end in re.search(r"([\d.]+) to ([\d.]+)", plain(line[column])).groups())
                assert abs(low - factor * row["ci95"][0]) <= reach
                assert abs(high - factor * row["ci95"][1]) <= reach
                assert number(line["people"]) == row["subjects"]
                assert number(line["images"]) == row["images"]
            seen += 1
    assert seen >= len(samples.COHORT) * len(samples.ATTACKERS) * len(columns)


def test_chance_stands_beside_the_rates(page, document):
    lines = [line for part, line in rows(page, "rates") if part == "CXR"]
    chance = next(
        row["chance"] for row in document["results"] if row["modality"] == "CXR" and row["metric"] == "rank-1"
    )
    assert {plain(line["chance"]) for line in lines} == {f"{100 * chance:.2f} %"}


def test_every_stratum_is_in_the_table(page, document):
    shown = {line["stratum"] for part, line in rows(page, "strata") if part.startswith("CXR")}
    wanted = {row["stratum"] for row in document["results"] if row["modality"] == "CXR"}
    assert shown == {"all pairs", *wanted} - {"all"}


def test_what_cannot_be_estimated_says_why(page):
    text = plain(section(page, "openset").text())
    assert "cannot be estimated" in text
    assert "74 subjects are not enrolled, and an FPIR of 0.3 % takes 667" in text


def test_published_figures_stand_for_comparison_only(page):
    lines = [line for part, line in rows(page, "retrieval") if part == "for comparison"]
    assert [lines[0][name] for name in ("AUC", "precision@1", "mAP@R")] == ["0.9940", "0.9963", "0.9748"]
    assert "for comparison only" in section(page, "retrieval").text()


def test_leakage_has_the_difference_and_its_test(page):
    lines = {line["attribute"]: line for part, line in rows(page, "leakage") if part == "OCT"}
    sex, race = lines["sex (AUC)"], lines["race (AUC)"]
    assert plain(sex["difference"]) == "+0.065 +0.015 to +0.105"
    assert sex["p"] == "0.021"
    assert plain(race["all images"]).startswith("cannot be estimated")
    assert plain(lines["age (mean absolute error)"]["p"]) == "< 0.001"


def test_baselines_and_attackers_are_told_in_a_sentence(page):
    text = plain(section(page, "ladder").text())
    assert "re-identifies 63.3 % of the images" in text
    assert "reaches 30.2 %, 33 points less" in text
    assert "demographics alone reach 3.1 % and border and exposure alone reach 8.6 %" in text


def test_a_baseline_that_does_as_well_is_said():
    found = [row for row in samples.results("CXR") if row["metric"] == "rank-1" and row["stratum"] == "all"]
    for row in found:
        if row["encoder"] == "pixels" and row["level"] == "image":
            row["value"], row["ci95"] = 0.61, [0.55, 0.66]
    text = plain(section(read(render_evaluation(samples.report(results=found, curves=[], probes=[]))), "ladder").text())
    assert "raw pixels, does as well, within the interval, with 61.0 %" in text


def test_examples_are_pictures_of_query_found_and_mate(page, document):
    shots = [one.text() for one in section(page, "examples").all("figcaption")]
    assert len(shots) == 2 * 2 + 2 * 3
    assert "nearest found: another person cxr/P0019_v1.png" in shots
    assert len(list(section(page, "examples").all("img"))) == len(shots)


def test_the_gate_says_by_how_much(page):
    verdicts = [(line["limit on"], plain(line["verdict"]), plain(line["over by"])) for _, line in rows(page, "gate")]
    assert verdicts[0] == ("rank-1", "✗ does not hold", "64.3 points")
    assert verdicts[2] == ("rank-5", "✓ holds", "")


@pytest.mark.parametrize("passed", [True, None])
def test_the_verdict_in_words(passed):
    limit = {"limit": 0.9, "metric": "rank-1", "modality": "CXR", "measured": 0.4, "by": None, "passed": True}
    gate = {"passed": passed, "limits": [limit] if passed else []}
    text = read(render_evaluation({"gate": gate})).text()
    assert ("✓ Passed." in text) == (passed is True)
    assert ("No verdict." in text) == (passed is None)


def test_limits_on_people_and_on_leakage_are_told_apart():
    common = {"limit": 0.2, "modality": "CXR", "measured": 0.3, "by": 0.1, "passed": False, "reason": None}
    people = {**common, "metric": "rank-1", "level": "subject-any", "attribute": None}
    sex = {**common, "limit": 0.6, "metric": "auc", "measured": 0.7, "level": None, "attribute": "sex"}
    found = read(render_evaluation({"gate": {"passed": False, "limits": [people, sex]}}))
    lines = [line for _, line in rows(found, "gate")]
    assert [line["limit on"] for line in lines] == ["rank-1, people with any image found", "AUC of sex"]
    assert [plain(line["over by"]) for line in lines] == ["10.0 points", "0.100"]
    assert "AUC of sex in CXR may be as high as 0.700, the limit is 0.600" in found.text()


def test_a_limit_that_could_not_be_measured_is_said():
    gate = {
        "passed": False,
        "limits": [
            {
                "limit": 0.05,
                "metric": "rank-1",
                "modality": "CT",
                "measured": None,
                "by": None,
                "passed": False,
                "reason": None,
            }
        ],
    }
    text = plain(read(render_evaluation({"gate": gate})).text())
    assert "rank-1 in CT cannot be estimated" in text
    assert not NO_VALUE.search(text)


def test_the_same_report_gives_the_same_page():
    document = small()
    first = render_evaluation(document, pictures=samples.pictures(document))
    assert render_evaluation(small(), pictures=samples.pictures(document)) == first
    assert "<metadata" not in first


def test_no_value_is_ever_shown_as_one(page):
    assert not NO_VALUE.search(page.text())


HOSTILE = """x"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 7*7 }}{% raw %}$x^{2$\x00"""


def test_what_comes_from_data_is_only_text():
    def spoilt(value):
        if isinstance(value, str):
            return value + HOSTILE
        if isinstance(value, dict):
            return {
                key if key in KEYS else key + HOSTILE: spoilt(held) if key not in KEPT else held
                for key, held in value.items()
            }
        return [spoilt(held) for held in value] if isinstance(value, list) else value

    document = small()
    pictures = {name + HOSTILE: png for name, png in samples.pictures(document).items()}
    html = render_evaluation(spoilt(document), pictures=pictures, title="T" + HOSTILE)
    page = read(html)
    assert not list(page.all("script"))
    assert not [name for element in page.all() for name in element.attributes if name.startswith("on")]
    assert all(one.attributes["src"].startswith("data:image/png;base64,") for one in page.all("img"))
    assert page.text().count("{{ 7*7 }}") > 20
    assert page.text().count("<script>alert(1)</script>") > 20
    assert "\x00" not in html


KEPT = ("schema", "kind", "metric", "level", "stratum")
KEYS = {"schema", "results", "probes", "audit", "curves", "examples", "gate", "refused", "environment", "shareable", "limits", "passed",
        "dataset", "modality", "encoder", "kind", "attacker", "stratum", "level", "metric", "value", "ci95", "chance", "subjects", "images", "note",
        "attribute", "p_value", "sample_ids", "subject_ids", "similarity", "x", "series", "rate", "low", "high", "miss", "removed", "n", "mated", "other",
        "observed", "sample_id", "mate_id", "found_id", "p", "rank", "limit", "measured", "by", "reason", "file"}  # fmt: skip


def test_a_shareable_report_names_and_shows_nobody():
    document = small()
    html = render_evaluation({**document, "shareable": True}, pictures=samples.pictures(document))
    page = read(html)
    assert not list(page.all("img"))
    for name in samples.sample_ids(document):
        assert name not in html
    for name in {name for group in document["audit"] for name in group["subject_ids"]}:
        assert name not in html
    assert document["refused"][0]["file"] not in html
    text = page.text()
    assert "Identical images: 1 group" in text
    assert "1 file could not be read" in text


def test_a_shareable_report_says_why_files_are_left_out_without_naming_them():
    refused = [{"file": None, "reason": "damaged or cut short"}] * 2
    text = read(render_evaluation({"refused": refused, "shareable": True})).text()
    assert "2 files could not be read and are left out. Why: 2 damaged or cut short." in text


def test_what_the_audit_looked_at_is_said():
    notes = [
        {
            "kind": "subject looks like two",
            "modality": "CXR",
            "audited": None,
            "found": 0,
            "note": "not audited: it takes 20 subjects",
        }
    ]
    text = read(render_evaluation({"audit": [], "audit_notes": notes})).text()
    assert "One person who looks like two: 0 groups" in text
    assert "CXR: not audited: it takes 20 subjects" in text


def test_a_shareable_report_withholds_small_groups():
    row = samples.row(
        "CXR",
        samples.ENCODER,
        "cosine",
        "all",
        "image",
        "rank-1",
        None,
        subjects=None,
        images=None,
        note="suppressed: fewer than 10 subjects",
    )
    text = read(render_evaluation({"results": [row], "shareable": True})).text()
    assert "withheld" in text
    assert "suppressed: fewer than 10 subjects" in text
    assert not NO_VALUE.search(text)


OLD = {
    "schema": "reid-evaluation/1",
    "results": [{"modality": "CXR", "encoder": "e", "attacker": "cosine", "stratum": "all", "level": "image", "metric": "rank-1", "value": None,
                 "ci95": None, "chance": None, "subjects": 0, "images": 0, "note": "cannot be estimated: no subject has two images"}],
    "probes": [],
    "audit": [],
    "gate": {"passed": None, "limits": []},
    "environment": {"reid_engine": "0.2", "packages": {"torch": None}},
    "refused": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "report",
    [
        {},
        dict.fromkeys(("results", "probes", "audit", "curves", "examples", "gate", "environment", "refused")),
        {name: [] for name in ("results", "probes", "audit", "curves", "examples", "refused")},
        OLD,
        {**OLD, "curves": []},
    ],
    ids=["nothing", "nulls", "empty lists", "an old one", "without curves"],
)
def test_a_report_with_little_or_nothing_in_it_is_still_a_page(report):
    page = read(render_evaluation(report))
    assert tuple(one.attributes["id"] for one in page.all("section")) == SECTIONS
    assert not NO_VALUE.search(page.text())
    if report.get("results"):
        assert "no subject has two images" in section(page, "rates").text()


def test_curves_without_a_known_point_say_so():
    curves = [
        {
            **curve,
            "x": [None] * len(curve["x"]),
            "series": {name: [None] * len(held) for name, held in curve["series"].items()},
        }
        for curve in samples.curves("CXR")
    ]
    curves += [{**samples.curves("OCT")[0], "x": [], "series": {}, "note": "cannot be estimated: 3 people"}]
    page = read(render_evaluation(samples.report(curves=curves, results=samples.results("CXR"), probes=[])))
    text = page.text()
    assert not NO_VALUE.search(text)
    assert "cannot be estimated: 3 people" in text
    assert not list(section(page, "rank").all("svg"))


def test_a_missing_figure_takes_the_reason_of_its_own_number():
    found = [row for row in samples.results("CXR") if row["metric"] != "ece"]
    why = "cannot be estimated: 7 subjects have two images, and a calibration takes 10"
    found.append(samples.row("CXR", samples.ENCODER, "plda", "near-duplicates removed", "image", "ece", None, note=why))
    page = read(render_evaluation(samples.report(results=found, curves=[], probes=[])))
    assert why in section(page, "calibration").text()
    assert why not in section(page, "rank").text()
    known = read(render_evaluation(samples.report(results=samples.results("CXR"), curves=[], probes=[])))
    text = section(known, "calibration").text()
    assert samples.TOO_FEW not in text
    assert "no range of probabilities holds enough people" in text


def test_each_set_has_its_own_figures_and_rows():
    kept = [row for row in samples.results("CXR") if row["metric"] == "rank-1"]
    both = [{**row, "dataset": name} for name in ("hospital A", "hospital B") for row in kept]
    cmc = [
        {**one, "dataset": name}
        for name in ("hospital A", "hospital B")
        for one in samples.curves("CXR")
        if one["kind"] == "cmc"
    ]
    page = read(render_evaluation(samples.report(results=both, curves=cmc, probes=[])))
    assert {part for part, _ in rows(page, "rates")} == {"hospital A · CXR", "hospital B · CXR"}
    assert len(list(section(page, "rank").all("svg"))) == 2
