"""Every file of the module is imported by the Pythons that Slicer brings; annotations are evaluated there."""

import subprocess

import pytest
from slicer_harness import MODULE
from slicer_harness.pythons import VERSIONS, python_of

IMPORT_ALL = """
import importlib, pathlib, sys, types
def stand_in(name, **members):
    sys.modules[name] = module = types.ModuleType(name)
    vars(module).update(members)
    return module
vtk = stand_in("vtk", calldata_type=lambda kind: lambda function: function, VTK_OBJECT=0)
stand_in("vtk.util")
stand_in("vtk.util.numpy_support", numpy_to_vtk=0, vtk_to_numpy=0)
stand_in("qt")
stand_in("numpy", ndarray=object, random=types.SimpleNamespace(Generator=object))
slicer = stand_in("slicer")
slicer.util = stand_in("slicer.util", VTKObservationMixin=type("VTKObservationMixin", (), {}))
stand_in("slicer.i18n", tr=str, translate=lambda context, text: text)
bases = ("ScriptedLoadableModule", "ScriptedLoadableModuleWidget", "ScriptedLoadableModuleTest")
stand_in("slicer.ScriptedLoadableModule", **{name: type(name, (), {}) for name in bases})
folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(folder))
sys.dont_write_bytecode = True
for file in sorted(folder.glob("*.py")) + sorted(folder.glob("ReidentificationRiskLib/*.py")):
    name = ".".join(file.relative_to(folder).with_suffix("").parts).replace(".__init__", "")
    importlib.import_module(name)
    print(name)
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_is_imported(version: str) -> None:
    done = subprocess.run(
        [python_of(version), "-W", "error", "-c", IMPORT_ALL, MODULE], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    files = [*MODULE.glob("*.py"), *MODULE.glob("ReidentificationRiskLib/*.py")]
    assert len(done.stdout.split()) == len(files) > 20


def test_nothing_of_the_harness_is_in_the_module() -> None:
    for file in MODULE.rglob("*.py"):
        assert "PySide" not in file.read_text(encoding="utf-8")
