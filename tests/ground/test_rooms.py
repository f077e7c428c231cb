"""The walls between the rooms stand."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reid_engine import errors

ROOT = Path(__file__).resolve().parents[2]
ENGINE = sorted((ROOT / "reid_engine").rglob("*.py"))
APP = sorted((ROOT / "monailabel_app").rglob("*.py"))
PANEL = sorted((ROOT / "slicer_extension").rglob("*.py"))

HTTP = {"http", "urllib", "requests", "httpx", "aiohttp", "fastapi", "starlette", "uvicorn", "socketserver"}


def imported_packages(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere, lazily or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", ENGINE, ids=lambda p: str(p.relative_to(ROOT)))
def test_engine_knows_nothing_of_http_monailabel_or_slicer(path: Path) -> None:
    assert not imported_packages(path) & (HTTP | {"monailabel", "slicer", "qt", "ctk", "vtk", "monailabel_app"})


@pytest.mark.parametrize("path", PANEL, ids=lambda p: str(p.relative_to(ROOT)))
def test_panel_needs_nothing_that_slicer_does_not_ship(path: Path) -> None:
    shipped = {"slicer", "qt", "ctk", "vtk", "numpy", "pydicom", "SampleData"}
    ours = {"ReidentificationRiskLib", "ReidentificationRisk"}
    foreign = imported_packages(path) - set(sys.stdlib_module_names) - shipped - ours
    assert not foreign


@pytest.mark.parametrize("path", PANEL, ids=lambda p: str(p.relative_to(ROOT)))
def test_panel_parses_as_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("path", APP, ids=lambda p: str(p.relative_to(ROOT)))
def test_app_holds_no_mathematics(path: Path) -> None:
    assert not imported_packages(path) & {"numpy", "scipy", "sklearn", "faiss", "torch", "timm"}


@pytest.mark.parametrize("path", [*ENGINE, *APP, *PANEL], ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_pickled_is_loaded(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        assert name.split(".")[0] not in {"pickle", "joblib", "dill"}, ast.unparse(node)
        if name == "torch.load":
            assert given.get("weights_only") == "True", ast.unparse(node)
        if name in {"np.load", "numpy.load"}:
            assert given.get("allow_pickle", "False") == "False", ast.unparse(node)


@pytest.mark.parametrize(
    "module", ["reid_engine", "reid_engine.cli", "reid_engine.readers.sniff", "reid_engine.encoder"]
)
def test_front_doors_import_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"torch", "timm", "sklearn", "scipy", "faiss", "pandas", "itk", "pydicom", "numpy", "PIL", "rich"}
    assert not heavy & set(loaded)


def test_error_tree_is_documented_whole() -> None:
    documented = set(re.findall(r"\b\w+Error\b", errors.__doc__ or ""))
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert documented == defined


def test_constraints_pin_names_and_versions_only() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []


def test_documents_link_to_files_that_exist() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(documents) > 4
    for document in documents:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
