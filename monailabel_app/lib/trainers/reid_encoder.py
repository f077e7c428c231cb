"""The train task: train an encoder on the studies, in a folder of the server's own."""

import json
from pathlib import Path
from typing import Any

from monailabel.interfaces.tasks.train import TrainTask

from lib.encoder_params import EncoderParams
from lib.lines import Lines, count
from lib.options import Options
from lib.studies import StudiesFolder
from reid_engine.encoder.trained import DESCRIPTION_NAME
from reid_engine.errors import TrainingError
from reid_engine.training.folder import CARD_NAME

NAME = "reid_encoder"

MOST_ENCODERS = 100
"""Folders of encoders, ready or not; a client can make a new one by a new name."""

NOTE = (
    "the encoder was fitted to the people of the studies: judge a gallery or an evaluation with it on others, "
    "or its numbers are too high"
)


class TrainEncoder(TrainTask):
    """Trains an encoder to tell the studies' subjects apart; what was begun under a name goes on there."""

    def __init__(self, options: Options) -> None:
        super().__init__("Trains an encoder called 'name' on the studies; stopped, the same request goes on")
        self.options = options

    def __call__(self, request: dict[str, Any], datastore: StudiesFolder) -> dict[str, Any]:
        """Run to the end and give the card's summary; say how far it is in lines that name nobody."""
        lines = Lines(NAME)
        try:
            return self._run(lines, EncoderParams.of(request), datastore)
        except Exception as error:
            lines.failed(error, self.options)
            raise

    def _run(self, lines: Lines, params: EncoderParams, datastore: StudiesFolder) -> dict[str, Any]:
        from reid_engine.cohort import read_cohort
        from reid_engine.encoder import find_spec
        from reid_engine.training.run import train

        out = self._folder(params.name)
        datastore.refresh()
        cohort = read_cohort(datastore.root)
        asked = json.dumps({key: value for key, value in params.as_request().items() if value is not None})
        try:
            trained = train(
                cohort,
                find_spec(params.encoder),
                out,
                params.settings(),
                name=params.name,
                size=params.size,
                second_size=params.second_size,
                whole=params.whole,
                mirror=params.mirror,
                tile_step=params.tile_step,
                command=("POST", f"/train/{NAME}", asked),
                progress=lines.doing("reading"),
            )
        except TrainingError as error:
            raise TrainingError(str(error).replace(str(out), "the encoder's folder")) from error
        if trained.refused:
            lines.say(f"{count(len(trained.refused), 'image')} left out that could not be read")
        held = trained.card["held_out"]
        lines.say(
            f"done: {_kept(trained.card)}; rank-1 of {held['subjects']} held-out subjects "
            f"{_percent(held['before'])} before, {_percent(held['after'])} after"
        )
        return _summary(trained.card)

    def _folder(self, name: str) -> Path:
        """Give the encoder's folder, or refuse where there cannot be one."""
        encoders = self.options.encoders_folder
        for place, word in ((self.options.studies, "studies"), (self.options.gallery, "gallery's files")):
            if encoders.is_relative_to(place):
                raise TrainingError(f"the encoders' folder lies among the {word}; start with --conf encoders DIR")
        out = encoders / name
        if (out / DESCRIPTION_NAME).exists():
            raise TrainingError("an encoder of this name is trained already; give another name")
        encoders.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not out.exists() and sum(1 for _ in encoders.iterdir()) >= MOST_ENCODERS:
            raise TrainingError(f"the server has {MOST_ENCODERS} encoders; its operator removes some before a new one")
        return out


def summary(options: Options, params: EncoderParams) -> dict[str, Any] | None:
    """Give the summary of a training that has ended; None where its card cannot be read."""
    try:
        card = json.loads((options.encoders_folder / params.name / CARD_NAME).read_text(encoding="utf-8"))
        return _summary(card)
    except (OSError, ValueError, KeyError):
        return None


def _summary(card: dict[str, Any]) -> dict[str, Any]:
    """Give counts, rates and names of encoders; nothing that the manifest says in words."""
    kept = ("base", "input_size", "dim", "settings", "curve", "best_epoch", "further_networks", "held_out")
    data = {part: {key: card["data"][part][key] for key in ("subjects", "images")} for part in _PARTS}
    counts = {key: card["data"][key] for key in ("refused", "without_second_image")}
    held = {key: card[key] for key in kept if key in card}
    return {"encoder": card["name"], **held, "data": {**data, **counts}, "note": NOTE}


_PARTS = ("training", "choosing", "judging")


def _kept(card: dict[str, Any]) -> str:
    epochs = [str(one["best_epoch"]) for one in (card, *card.get("further_networks", ()))]
    return f"epoch {epochs[0]} is kept" if len(epochs) == 1 else f"epochs {', '.join(epochs)} of its networks are kept"


def _percent(estimate: dict[str, Any]) -> str:
    return f"{100 * estimate['value']:.1f} %"
