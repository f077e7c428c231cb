"""The panel's own code, run as Slicer runs it: the client that sends a scan, and a picture of the panel."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_engine.errors import ServeError

CHECK_SECONDS = 120.0
PICTURE_SECONDS = 180.0

_CHECKOUT = Path(__file__).resolve().parents[2]
_CLIENT = Path("slicer_extension/ReidentificationRisk/ReidentificationRiskLib/client.py")
_PICTURE = Path("tests/slicer_harness/picture.py")


def find_client() -> Path:
    """Find the script that the panel runs to send a scan."""
    path = _CHECKOUT / _CLIENT
    if not path.is_file():
        raise ServeError("the panel is not beside this package, so the demo cannot use it; run it in a checkout")
    return path


@dataclass(frozen=True)
class PanelClient:
    """Checks scans through the panel's client.

    Parameters
    ----------
    server
        The server's address.
    script
        The client's script.
    """

    server: str
    script: Path

    def check(self, scan: Path, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a scan and give the RiskReport; raise :class:`ServeError` in the client's words."""
        request = {"server": self.server, "file": str(scan), "params": dict(params), "timeout": CHECK_SECONDS}
        done = subprocess.run(
            [sys.executable, str(self.script)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=2 * CHECK_SECONDS,
            check=False,
        )
        last = _last_event(done.stdout)
        if last.get("event") != "result":
            said = last.get("message") or done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise ServeError(f"the panel's client failed: {said or f'status {done.returncode}'}")
        report: dict[str, Any] = last["report"]
        return report


def _last_event(output: bytes) -> dict[str, Any]:
    lines = output.splitlines()
    try:
        event = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


@dataclass(frozen=True)
class Picture:
    """The panel's picture, or why there is none."""

    path: Path | None
    reason: str | None = None


def take_picture(server: str, scan: Path, modality: str | None, out: Path) -> Picture:
    """Check a scan with the panel off screen and save what it shows."""
    reason = why_no_picture()
    if reason is not None:
        return Picture(None, reason)
    command = [sys.executable, str(_CHECKOUT / _PICTURE), "--server", server, "--scan", str(scan)]
    command += ["--out", str(out), *(["--modality", modality] if modality else [])]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=PICTURE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Picture(None, f"the panel's harness took more than {PICTURE_SECONDS:.0f} s")
    if done.returncode != 0 or not out.is_file():
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Picture(None, said or f"the panel's harness ended with status {done.returncode}")
    return Picture(out)


def why_no_picture() -> str | None:
    """Say what is missing for the picture; None when nothing is."""
    if not (_CHECKOUT / _PICTURE).is_file():
        return "the panel's test harness is only in a checkout"
    if any(importlib.util.find_spec(name) is None for name in ("slicer", "PySide6")):
        return "the panel's test harness is not installed; run: pip install -e '.[harness]'"
    return None
