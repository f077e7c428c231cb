"""``make bench``: every claim of speed, each as a ratio of times taken in one run.

Exits with 0 when every target is met, else with 1.
"""

import argparse
import json
import operator
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_check
import bench_encoding
import bench_evaluation
import bench_startup


@dataclass(frozen=True)
class Claim:
    """What a benchmark has to show.

    A ratio beyond `possible` is better than can be: something else kept the processor busy, and the run says nothing.
    """

    text: str
    sign: str
    met: Callable[[float, float], bool]
    possible: float
    measure: Callable[[], dict[str, Any]]

    def judge(self, ratio: float, target: float) -> str:
        """Give "met", "not met" or "disturbed"."""
        if not self.met(self.possible, ratio):
            return "disturbed"
        return "met" if self.met(ratio, target) else "not met"


CLAIMS = {
    "encoding": Claim(
        "encoding a folder, share of the bare network's throughput",
        ">=",
        operator.ge,
        1.6,  # what the encoder's own network reaches without reading anything
        bench_encoding.measure,
    ),
    "check": Claim(
        "a check over HTTP against a script that takes the image's features",
        "<=",
        operator.le,
        0.8,
        bench_check.measure,
    ),
    "evaluation": Claim(
        "every metric of 100,000 images against the bare product",
        ">=",
        operator.ge,
        1.05,
        bench_evaluation.measure_claim,
    ),
    "startup": Claim("--help or a refusal against importing torch", "<", operator.lt, 0.0, bench_startup.measure),
}


def run(names: list[str]) -> dict[str, Any]:
    """Measure the claims and judge each."""
    results = []
    for name in names:
        claim = CLAIMS[name]
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        result = claim.measure()
        results.append(
            {
                "claim": claim.text,
                "sign": claim.sign,
                "verdict": claim.judge(result["ratio"], result["target"]),
                "seconds": round(time.perf_counter() - start, 1),
                **result,
            }
        )
    return {
        "schema": "reid-bench/1",
        "passed": all(result["verdict"] == "met" for result in results),
        "results": results,
    }


def show(document: dict[str, Any]) -> None:
    """Print the table, and below it what each claim is made of."""
    for result in document["results"]:
        target = f"target {result['sign']} {result['target']}"
        print(f"{result['claim']:58} {result['ratio']:6.3f}   {target:14}   {result['verdict'].upper()}")
        for name, kind in result.get("kinds", {}).items():
            print(f"    {name:54} {kind['ratio']:6.3f}")
    print("every target is met" if document["passed"] else "a target is missed, or could not be judged")
    if any(result["verdict"] == "disturbed" for result in document["results"]):
        print("Disturbed: better than can be, so other programs were busy; run again, perhaps with OMP_NUM_THREADS=1.")


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", action="append", choices=sorted(CLAIMS), help="measure this claim alone")
    given = parser.parse_args()
    document = run(given.only or list(CLAIMS))
    if given.json:
        print(json.dumps(document))
    else:
        show(document)
    return 0 if document["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
