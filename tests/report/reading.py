"""Reads a page as a browser would: elements, tables, text; complains of what is not closed."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    tag: str
    attributes: dict
    parent: "Element | None" = None
    children: list = field(default_factory=list)

    def all(self, *tags):
        """Give the elements below, of these tags or of any, in the page's order."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def text(self):
        """Give the text within, blanks made one."""
        return " ".join("".join(self._texts()).split())

    def _texts(self):
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in ("style", "script"):
                yield from child._texts()
                yield (
                    " "
                    if child.tag in ("td", "th", "p", "li", "div", "h1", "h2", "h3", "span", "dt", "dd", "a")
                    else ""
                )


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("page", {})

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        element = Element(tag, dict(attrs), self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attrs):
        self.here.children.append(Element(tag, dict(attrs), self.here))

    def handle_endtag(self, tag):
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.children.append(data)


def read(html):
    """Give the page's root; fails where tags are not closed in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.tag}> is not closed"
    return reader.root


def section(page, name):
    """Give a section by its id."""
    return next(one for one in page.all("section") if one.attributes.get("id") == name)


def rows(page, caption):
    """Give a table's lines: headings of parts as one text, others as row headers and cells by column."""
    table = next(one for one in page.all("table") if one.attributes.get("aria-labelledby") == f"{caption}-caption")
    columns = [head.text() for head in next(table.all("thead")).all("th")]
    part, found = "", []
    for body in table.all("tbody"):
        for line in body.all("tr"):
            cells = [cell.text() for cell in line.all("th", "td")]
            if len(cells) == 1:
                part = cells[0]
            else:
                found.append((part, dict(zip(columns, cells, strict=True))))
    return found
