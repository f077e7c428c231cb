"""The extension configures, builds, installs and passes its own tests, with a stand-in for Slicer's CMake package."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = Path("slicer_extension") / "ReidentificationRisk"
MODULES = Path("lib") / "Slicer-5.12" / "qt-scripted-modules"
NO_COMPILER = [
    f"-DCMAKE_{language}_COMPILER{suffix}"
    for language in ("C", "CXX")
    for suffix in (f"={sys.executable}", "_FORCED=ON")
]
"""The extension is Python only, so that the machine needs no compiler."""


@pytest.fixture(autouse=True)
def cmake() -> None:
    """Need CMake; in CI its absence is a failure."""
    if shutil.which("cmake") is None and os.environ.get("CI") != "true":
        pytest.skip("cmake is not here")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a copy of the extension that a test may change."""
    copy = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("slicer_extension", "tests/slicer_cmake", "tests/slicer_harness", "docs/images"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("CMakeLists.txt", "LICENSE.txt", "ReidentificationRisk.json"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def run(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, check=False)


def configure(source: Path, build: Path) -> subprocess.CompletedProcess[str]:
    build.mkdir(exist_ok=True)
    slicer = f"-DSlicer_DIR={source / 'tests' / 'slicer_cmake'}"
    return run("cmake", slicer, f"-DPYTHON={sys.executable}", *NO_COMPILER, source, folder=build)


def refusal(source: Path, tmp_path: Path) -> str:
    """Give the message with which configuring fails."""
    done = configure(source, tmp_path / "build")
    assert done.returncode != 0
    return " ".join(done.stderr.split())


def test_it_builds_installs_and_passes_its_tests(source: Path, tmp_path: Path) -> None:
    build, installed = tmp_path / "build", tmp_path / "installed"
    done = configure(source, build)
    assert done.returncode == 0, done.stderr
    done = run("cmake", "--build", ".", folder=build)
    assert done.returncode == 0, done.stderr
    done = run("ctest", "--output-on-failure", folder=build)
    assert done.returncode == 0, done.stdout
    assert "100% tests passed, 0 tests failed out of 3" in done.stdout
    done = run("cmake", "-DCMAKE_INSTALL_PREFIX=" + str(installed), "-P", "cmake_install.cmake", folder=build)
    assert done.returncode == 0, done.stderr
    for tree in (build, installed):
        files = {p.relative_to(tree / MODULES) for p in (tree / MODULES).rglob("*") if p.is_file()}
        expected = {p.relative_to(source / MODULE) for p in (source / MODULE).rglob("*") if p.is_file()}
        expected = {p for p in expected if p.parts[0] not in ("Testing", "CMakeLists.txt")}
        assert {p for p in files if "__pycache__" not in p.parts} == expected


@pytest.mark.parametrize(
    "name",
    ["ReidentificationRiskLib/forgotten.py", "other.py", "Resources/Icons/forgotten.png", "Resources/UI/Forgotten.ui",
     "Resources/forgotten.csv"],
)  # fmt: skip
def test_a_file_that_is_not_listed_fails(source: Path, tmp_path: Path, name: str) -> None:
    (source / MODULE / name).write_text("")
    assert f"{name} is not listed" in refusal(source, tmp_path)


def test_a_listed_file_that_is_gone_fails(source: Path, tmp_path: Path) -> None:
    (source / MODULE / "ReidentificationRiskLib" / "rows.py").unlink()
    assert "rows.py is listed and is not there" in refusal(source, tmp_path)


@pytest.mark.parametrize(
    "entry",
    ["HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS", "CATEGORY", "STATUS"],
)
def test_empty_metadata_fails(source: Path, tmp_path: Path, entry: str) -> None:
    lists = source / "CMakeLists.txt"
    lines = lists.read_text().splitlines()
    kept = [line for line in lines if not line.startswith(f"set(EXTENSION_{entry} ")]
    assert len(kept) == len(lines) - 1
    lists.write_text("\n".join(kept))
    assert f"EXTENSION_{entry} is not set" in refusal(source, tmp_path)


def test_a_screenshot_or_icon_that_is_not_here_fails(source: Path, tmp_path: Path) -> None:
    (source / "docs" / "images" / "header.png").unlink()
    assert "name a file that is not here: docs/images/header.png" in refusal(source, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("category", "Segmentation", "another category than CMakeLists.txt: Segmentation"),
        ("scm_url", "https://github.com/x/y.git", "another repository than CMakeLists.txt"),
        ("category", None, "has no proper category"),
    ],
)
def test_an_entry_for_the_index_that_says_something_else_fails(
    source: Path, tmp_path: Path, key: str, value: str | None, words: str
) -> None:
    file = source / "ReidentificationRisk.json"
    entry = json.loads(file.read_text())
    entry.pop(key) if value is None else entry.update({key: value})
    file.write_text(json.dumps(entry))
    assert words in refusal(source, tmp_path)


def test_the_entry_for_the_index_follows_its_schema() -> None:
    """Of Slicer/Schemas/slicer-extension-catalog-entry-schema-v1.0.1.json: nothing else, of these types."""
    entry = json.loads((ROOT / "ReidentificationRisk.json").read_text())
    kinds = {"$schema": str, "category": str, "scm_url": str, "scm_revision": str, "scm_type": str,
             "build_dependencies": list, "build_subdirectory": str, "enabled": bool, "tier": int}  # fmt: skip
    assert set(entry) <= set(kinds)
    assert all(isinstance(value, kinds[key]) for key, value in entry.items())
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert entry["scm_type"] in ("git", "local")
    assert entry["tier"] in (1, 3, 5)
    assert entry["scm_url"].rsplit("/", 1)[1].startswith("Slicer")


def test_a_failing_test_of_the_module_fails_ctest(source: Path, tmp_path: Path) -> None:
    story = source / MODULE / "Testing" / "Python" / "ReidentificationRiskStoryTest.py"
    story.write_text(story.read_text().replace('"High risk"', '"Rainbow risk"'))
    configure(source, tmp_path / "build")
    run("cmake", "--build", ".", folder=tmp_path / "build")
    done = run("ctest", "-R", "Story", folder=tmp_path / "build")
    assert done.returncode != 0
    assert "py_ReidentificationRiskStoryTest" in done.stdout


def test_the_icon_is_a_square_png() -> None:
    from PIL import Image

    with Image.open(ROOT / MODULE / "Resources" / "Icons" / "ReidentificationRisk.png") as icon:
        assert (icon.format, icon.size) == ("PNG", (128, 128))
