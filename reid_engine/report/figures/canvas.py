"""One figure: drawn by matplotlib without its global state of windows, given as markup that goes inline into a page."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from reid_engine.report.figures.palette import GRID, INK, SOFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (4.4, 3.3)
"""Width and height in inches of most figures."""

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "legend.columnspacing": 1.4,
    "legend.borderpad": 0.2,
    "lines.markersize": 4.5,
}
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_LOCK = Lock()  # matplotlib's settings are the process's

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_POINT = re.compile(r"(\.\d\d)\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


@dataclass(frozen=True)
class About:
    """What a figure is called and says, for those who don't see it.

    Attributes
    ----------
    name
        Unlike that of every other figure of the page; letters, digits and hyphens.
    title
        What it shows.
    description
        The numbers that a reader takes from it.
    """

    name: str
    title: str
    description: str


def draw(paint: Callable[["Axes"], None], about: About, size: tuple[float, float] = SIZE) -> Markup:
    """Draw a figure with one pair of axes.

    Parameters
    ----------
    paint
        Draws into the axes.
    about
        Its name and text alternative.
    size
        Width and height in inches.

    Returns
    -------
    Markup
        An ``svg`` element whose ids are unlike those of other figures; the same for the same input.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    written = io.StringIO()
    with _LOCK, matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: dict[Any, Any] = _SETTINGS | {"svg.hashsalt": about.name}
        matplotlib.rcParams.update(settings)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        figure.savefig(written, format="svg", metadata=_METADATA, transparent=True)
    return _inline(written.getvalue(), about)


def _inline(markup: str, about: About) -> Markup:
    """Make a file into an element of a page: no metadata, no style that would reach the page, ids of its own."""
    root = ElementTree.fromstring(markup)  # noqa: S314 - matplotlib wrote it a moment ago
    _drop(root)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if _LINK in element.attrib:
            element.set("href", element.attrib.pop(_LINK))
        for key, value in list(element.attrib.items()):
            if key == "id":
                del element.attrib["id"]
                if value in used:
                    element.set("id", f"{about.name}-{value}")
            elif key == "href":
                element.set("href", value.replace("#", f"#{about.name}-", 1))
            elif key in ("d", "x", "y"):
                element.set(key, _POINT.sub(r"\1", value))
            else:
                element.set(key, _REFERENCE.sub(rf"url(#{about.name}-\1)", value))
    _describe(root, about)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - serialised, so escaped


def _drop(element: ElementTree.Element) -> None:
    for child in list(element):
        if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
            element.remove(child)
        else:
            _drop(child)


def _references(element: ElementTree.Element) -> list[str]:
    found = [name for value in element.attrib.values() for name in _REFERENCE.findall(value)]
    link = element.get(_LINK, "")
    return [*found, link[1:]] if link.startswith("#") else found


def _describe(root: ElementTree.Element, about: About) -> None:
    width, height = (float(root.attrib.pop(name).removesuffix("pt")) for name in ("width", "height"))
    root.attrib.pop("version", None)
    root.set("viewBox", f"0 0 {width:g} {height:g}")
    root.set("class", "plot")
    root.set("role", "img")
    root.set("aria-labelledby", f"{about.name}-title {about.name}-description")
    for place, (tag, text) in enumerate((("title", about.title), ("desc", about.description))):
        child = ElementTree.Element(tag, {"id": f"{about.name}-{'description' if place else 'title'}"})
        child.text = text
        root.insert(place, child)
