"""Every picture that a page or the extension's entry names is there, and every picture that is there is named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_A_PAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"")
LARGEST = 400_000  # bytes


def pictures_of(page: Path) -> set[Path]:
    """Give the files that a page shows; those of other places in the web are not ours."""
    found = {first or second for first, second in IN_A_PAGE.findall(page.read_text(encoding="utf-8"))}
    return {(page.parent / link).resolve() for link in found if "://" not in link}


def screenshots_of_the_extension() -> set[Path]:
    lists = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    (entry,) = re.findall(r'set\(EXTENSION_SCREENSHOTURLS "([^"]+)"\)', lists)
    return {IMAGES / address.removeprefix("${pictures}/") for address in entry.split()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_of_a_page_is_there(page: Path) -> None:
    assert sorted(path.name for path in pictures_of(page) if not path.is_file()) == []


def test_every_screenshot_of_the_extension_is_there() -> None:
    assert sorted(str(path) for path in screenshots_of_the_extension() if not path.is_file()) == []


def test_no_picture_lies_there_unseen() -> None:
    shown = set().union(screenshots_of_the_extension(), *map(pictures_of, PAGES))
    assert sorted(path.name for path in IMAGES.iterdir() if path not in shown) == []


@pytest.mark.parametrize("picture", sorted(IMAGES.iterdir()), ids=lambda picture: picture.name)
def test_a_picture_is_a_whole_png_of_a_bearable_size(picture: Path) -> None:
    from PIL import Image

    with Image.open(picture) as image:
        image.load()
        assert image.format == "PNG"
    assert picture.stat().st_size < LARGEST
