"""The command ``reid-engine``; importing it costs the standard library and click, nothing more."""

from reid_engine.cli.program import main, program

__all__ = ["main", "program"]
