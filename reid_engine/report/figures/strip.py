"""A value with its interval and chance, small enough for a cell of a table."""

from markupsafe import Markup

from reid_engine.report.figures.palette import BLUE, CHANCE, GRID

WIDTH, HEIGHT = 120, 14


def draw_strip(value: float | None, ci95: tuple[float, float] | None, chance: float | None) -> Markup:
    """Draw on a line from 0 to 1; the numbers stand beside it, so that it isn't read out."""
    middle = HEIGHT / 2
    parts = [f'<line x1="3" x2="{WIDTH - 3}" y1="{middle}" y2="{middle}" stroke="{GRID}" stroke-width="2"/>']
    if ci95 is not None:
        low, high = (_place(end) for end in ci95)
        parts.append(f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" stroke="{BLUE}" stroke-width="3"/>')
    if chance is not None:
        x = _place(chance)
        parts.append(f'<line x1="{x}" x2="{x}" y1="1" y2="{HEIGHT - 1}" stroke="{CHANCE}" stroke-dasharray="2 1.5"/>')
    if value is not None:
        parts.append(f'<circle cx="{_place(value)}" cy="{middle}" r="4" fill="{BLUE}" stroke="#fff"/>')
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    svg = f'<svg class="strip" {size} aria-hidden="true">{"".join(parts)}</svg>'
    return Markup(svg)  # noqa: S704 - holds numbers only


def _place(share: float) -> str:
    return f"{3 + (WIDTH - 6) * min(max(share, 0.0), 1.0):.1f}"
