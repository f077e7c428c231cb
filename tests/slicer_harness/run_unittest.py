"""Run a script's unit tests as Slicer's ctest does: python run_unittest.py MODULES_FOLDER SCRIPT."""

import importlib
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slicer_harness import start


def main(modules: str, script: str) -> int:
    """Run the tests with the modules of this folder; 0 when there were some and they passed."""
    start()
    sys.path.insert(0, modules)
    sys.path.append(str(Path(script).parent))
    suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(Path(script).stem))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
