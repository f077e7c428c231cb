"""What a training came to, in the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def training_result(card: Mapping[str, Any], out: Path) -> str:
    """Give a model card's measurement and what to do with the encoder, in a few lines."""
    held, part = card["held_out"], card["data"]["training"]
    further = card.get("further_networks", ())
    networks = [(number if further else 0, one) for number, one in enumerate((card, *further), start=1)]
    before, after = _share(held["before"]), _share(held["after"])
    lines = [
        f"Trained {card['name']} on {part['subjects']} subjects with {part['images']} images.",
        f"Rank-1 of {held['queries']} images of {held['subjects']} other subjects: {before} before, {after} after.",
        *(_kept(one, number) for number, one in networks),
        f"Use it with --encoder {out}; {out / 'model_card.md'} says how it was made.",
    ]
    return "\n".join(lines)


def _kept(network: Mapping[str, Any], number: int) -> str:
    """Say which epoch of a network was kept; number 0 is of an encoder that has one alone."""
    kept, of = network["best_epoch"], f" of network {number}" if number else ""
    if kept:
        return f"Kept{of}: epoch {kept} of {len(network['curve']) - 1}."
    return f"No epoch{of} was better than the base encoder, whose weights were kept."


def _share(estimate: Mapping[str, Any]) -> str:
    ends = estimate["ci95"]
    interval = f" (95 % interval {100 * ends[0]:.1f} to {100 * ends[1]:.1f})" if ends else ""
    return f"{100 * estimate['value']:.1f} %{interval}"
