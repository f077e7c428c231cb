"""Figures: told apart without colour, free of global state, ids of their own."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reid_engine.report.figures import palette
from reid_engine.report.figures.canvas import About
from reid_engine.report.figures.cmc import draw_cmc
from reid_engine.report.figures.det import deviates
from reid_engine.report.figures.gallery_size import ticks
from reid_engine.report.figures.lines import Line, line_of, numbers, short
from reid_engine.report.figures.scores import coarser
from reid_engine.report.figures.strip import draw_strip
from reid_engine.report.page.table import letter
from tests.report.reading import read

ROOM = Path(palette.__file__).resolve().parents[1]

STYLES = [palette.STRONGEST, palette.PLAIN]
STYLES += [palette.baseline(name, 0) for name in ("pixels", "untrained", "demographics", "border-exposure")]
STYLES += [palette.baseline("another", place) for place in range(3)]


def luminance(colour):
    """Relative luminance by WCAG 2."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", [*(style.colour for style in STYLES), palette.CHANCE, palette.SOFT, palette.INK])
def test_every_colour_stands_out_on_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 3


def test_no_two_series_differ_by_colour_alone():
    assert len({style.dash for style in STYLES}) == len(STYLES)
    assert len({style.mark for style in STYLES}) == len(STYLES)


def one_line(label="a", style=palette.STRONGEST):
    x = np.arange(1.0, 11)
    return Line(label, style, x, x / 12, x / 14, x / 11)


def test_ids_of_two_figures_do_not_meet_and_text_stays_text():
    pages = [
        read(draw_cmc([one_line("an $x^2$ <b>encoder</b> & more")], None, About(name, "t", "d")))
        for name in ("one", "two")
    ]
    ids = [{element.attributes["id"] for element in page.all() if "id" in element.attributes} for page in pages]
    assert ids[0]
    assert not ids[0] & ids[1]
    texts = [one.text() for one in pages[0].all("text")]
    assert "an $x^2$ <b>encoder</b> & more" in texts
    assert not list(pages[0].all("b", "metadata", "style"))


def test_a_figure_leaves_the_settings_of_the_process_alone():
    import matplotlib

    matplotlib.rcParams["font.size"] = 17.0
    before = dict(matplotlib.rcParams)
    first = draw_cmc([one_line()], None, About("same", "t", "d"))
    assert dict(matplotlib.rcParams) == before
    matplotlib.rcParams["font.size"] = 10.0
    assert draw_cmc([one_line()], None, About("same", "t", "d")) == first


def test_pyplot_is_used_nowhere():
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.module != "matplotlib.pyplot"
                assert not (node.module == "matplotlib" and any(one.name == "pyplot" for one in node.names))
            if isinstance(node, ast.Import):
                assert all("pyplot" not in one.name for one in node.names)


def test_nothing_heavy_is_loaded_before_it_is_needed():
    code = "import sys, reid_engine.report.evaluation_html as h; print([m for m in ('matplotlib', 'jinja2', 'scipy', 'torch', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_points_are_drawn_where_the_numbers_say():
    x = np.array([1.0, 2, 3, 5, 8, 13, 21, 34])
    y = np.array([0.1, 0.35, 0.2, 0.6, 0.4, 0.9, 0.5, 0.8])
    drawing = read(draw_cmc([Line("a", palette.STRONGEST, x, y)], None, About("f", "t", "d")))
    paths = [re.findall(r"[ML] ([\d.]+) ([\d.]+)", one.attributes.get("d", "")) for one in drawing.all("path")]
    drawn = np.array(next(found for found in paths if len(found) == len(x)), dtype=float)
    for seen, meant, way in ((drawn[:, 0], np.log(x), 1), (drawn[:, 1], y, -1)):
        slope, start = np.polyfit(meant, seen, 1)
        assert slope * way > 0
        np.testing.assert_allclose(slope * meant + start, seen, atol=0.02)


def test_bins_are_joined_without_losing_anything():
    edges = np.linspace(-1, 1, 201)
    rng = np.random.default_rng(2)
    mated, other = np.zeros(200), np.zeros(200)
    mated[90:183], other[71:110] = rng.random(93), rng.random(39)
    joined, (same, different) = coarser(edges, mated, other)
    assert len(joined) - 1 == len(same) == len(different) <= 50
    assert (joined[0], joined[-1]) == (edges[71], edges[183])
    for before, after in ((mated, same), (other, different)):
        np.testing.assert_allclose(after.sum(), before.sum())
        middle = joined[len(joined) // 2]
        np.testing.assert_allclose(after[joined[1:] <= middle].sum(), before[edges[1:] <= middle].sum())
    assert len(coarser(edges[:4], np.zeros(3), np.zeros(3))[0]) == 4


def test_deviates_are_those_of_the_normal_distribution():
    from statistics import NormalDist

    rates = np.array([0.01, 0.2, 0.5, 0.9])
    expected = [NormalDist().inv_cdf(rate) for rate in rates]
    np.testing.assert_allclose(deviates(rates), expected, atol=1e-9)
    assert np.isfinite(deviates(np.array([0.0, 1.0]))).all()


def test_ticks_of_a_gallery_lie_within_it():
    assert ticks(2, 148) == [2, 5, 10, 20, 50, 100]
    assert ticks(3, 3.2) == [3, 3.2]
    assert len(ticks(2, 100_000)) <= 7


def test_a_curve_becomes_a_line_only_where_it_fits():
    curve = {"x": [1, 2, 3], "series": {"rate": [0.1, None, 0.3], "low": [0.0, 0.1], "none": [None] * 3}}
    line = line_of(curve, "rate", "a", palette.PLAIN)
    np.testing.assert_array_equal(line.y, [0.1, np.nan, 0.3])
    assert line.low is None
    assert line_of(curve, "none", "a", palette.PLAIN) is None
    assert line_of(curve, "absent", "a", palette.PLAIN) is None
    assert line_of({"series": {"rate": [1]}}, "rate", "a", palette.PLAIN) is None
    assert numbers(None) is None


def test_a_long_label_keeps_both_ends():
    text = short("timm:vit_base_patch14_reg4_dinov2.lvd142m, whitened")
    assert len(text) <= 38
    assert text.startswith("timm:vit")
    assert text.endswith("whitened")


def test_a_strip_shows_value_interval_and_chance():
    drawing = read(draw_strip(0.5, (0.4, 0.6), 0.01))
    assert next(drawing.all("circle")).attributes["cx"] == "60.0"
    assert len(list(drawing.all("line"))) == 3
    assert not list(read(draw_strip(None, None, None)).all("circle"))


def test_notes_are_lettered_like_columns():
    assert [letter(place) for place in (0, 25, 26, 51, 52, 701, 702)] == ["a", "z", "aa", "az", "ba", "zz", "aaa"]
