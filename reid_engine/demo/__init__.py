"""The whole way of a scan in one command: cohort, gallery, server, the panel's own client, and a picture."""

from reid_engine.demo.run import DemoOptions, DemoResult, run_demo

__all__ = ["DemoOptions", "DemoResult", "run_demo"]
