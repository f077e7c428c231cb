"""What a training came to, in the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def training_result(card: Mapping[str, Any], out: Path) -> str:
    """Give a model card's measurement and what to do with the encoder, in a few lines."""
    held, part, kept = card["held_out"], card["data"]["training"], card["best_epoch"]
    before, after = _share(held["before"]), _share(held["after"])
    lines = [
        f"Trained {card['name']} on {part['subjects']} subjects with {part['images']} images.",
        f"Rank-1 of {held['queries']} images of {held['subjects']} other subjects: {before} before, {after} after.",
        f"Kept: epoch {kept} of {len(card['curve']) - 1}."
        if kept
        else "No epoch was better than the base encoder, whose weights were kept.",
        f"Use it with --encoder {out}; {out / 'model_card.md'} says how it was made.",
    ]
    return "\n".join(lines)


def _share(estimate: Mapping[str, Any]) -> str:
    ends = estimate["ci95"]
    interval = f" (95 % interval {100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if ends else ""
    return f"{100 * estimate['value']:.1f} %{interval}"
