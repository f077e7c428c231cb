"""How soon the command line answers, as a ratio to what importing torch takes in the same run."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TARGET = 0.1
"""An answer takes less than this share of ``import torch``."""

REPEATS = 5


BARE, TORCH = "bare interpreter", "import torch"


def measure(repeats: int = REPEATS) -> dict[str, Any]:
    """Time fresh processes, one kind after the other in turns, and give medians and ratios.

    The interpreter's own start is in every time, and given by itself.
    """
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(repeats + 1):
            for name, (command, expected) in commands.items():
                took = _time(command, expected)
                if turn:  # the first turn fills the file cache
                    seconds[name].append(took)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    answers = {name: _answer(medians[name], medians[TORCH]) for name in commands if name not in (TORCH, BARE)}
    return {
        "benchmark": "startup",
        "ratio": max(answer["ratio"] for answer in answers.values()),
        "target": TARGET,
        "kinds": answers,
        "import_torch_ms": 1000 * medians[TORCH],
        "bare_interpreter_ms": 1000 * medians[BARE],
        "repeats": repeats,
    }


def _answer(seconds: float, torch_seconds: float) -> dict[str, float]:
    return {"ratio": seconds / torch_seconds, "ms": 1000 * seconds}


def _commands(folder: Path) -> dict[str, tuple[list[str], int]]:
    """Give each command with the exit status that it must have."""
    files = {"empty": b"", "garbage": b"no image at all " * 64, "cut": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"}
    for name, content in files.items():
        (folder / f"{name}.png").write_bytes(content)
    (folder / "scan.png").write_bytes(_whole_png_header())
    program = [sys.executable, "-m", "reid_engine.cli"]
    no_gallery = ["--gallery", str(folder / "nowhere")]
    return {
        BARE: ([sys.executable, "-c", "pass"], 0),
        TORCH: ([sys.executable, "-c", "import torch"], 0),
        "reid-engine --help": ([*program, "--help"], 0),
        "missing scan": ([*program, "check", str(folder / "missing.png"), *no_gallery], 2),
        "empty scan": ([*program, "check", str(folder / "empty.png"), *no_gallery], 2),
        "garbage for a scan": ([*program, "check", str(folder / "garbage.png"), *no_gallery], 2),
        "PNG that ends in its header": ([*program, "check", str(folder / "cut.png"), *no_gallery], 2),
        "unknown gallery": ([*program, "check", str(folder / "scan.png"), *no_gallery], 2),
        "missing cohort": ([*program, "enrol", str(folder / "nobody"), *no_gallery], 2),
    }


def _whole_png_header() -> bytes:
    size = (256).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + size + size + b"\x08\0\0\0\0" + bytes(4)


def _time(command: list[str], expected: int) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != expected:
        said = done.stderr.decode("utf-8", "replace")
        raise RuntimeError(f"{command} ended with {done.returncode} instead of {expected}: {said}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    given = parser.parse_args()
    result = measure(given.repeats)
    if given.json:
        print(json.dumps(result))
        return
    for name, kind in result["kinds"].items():
        print(f"{name:28} {kind['ms']:6.0f} ms   ratio {kind['ratio']:.3f} (target below {TARGET})")
    print(f"{TORCH:28} {result['import_torch_ms']:6.0f} ms")
    print(f"{BARE:28} {result['bare_interpreter_ms']:6.0f} ms")


if __name__ == "__main__":
    main()
