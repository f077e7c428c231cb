"""``reid-engine train COHORT --out DIR``: an encoder that tells a cohort's subjects apart."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reid_engine.cli.failures import BAD_INPUT
from reid_engine.cli.interrupts import ending_in_order
from reid_engine.cli.options import FOLDER, encoder_options, output_options, read_where, where_option
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import look_at_cohort, look_at_weights
from reid_engine.cli.streams import say
from reid_engine.encoder.spec import MOST_MEMBERS
from reid_engine.errors import TrainingError
from reid_engine.training.settings import BITS, LOSSES, TrainingSettings

if TYPE_CHECKING:
    from reid_engine.training.run import Trained

DEFAULTS = TrainingSettings()


@click.command(short_help="Train an encoder on a cohort.")
@click.argument("cohort", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the encoder.")
@click.option("--name", metavar="NAME", help="What it is called; by default as its folder.")
@encoder_options
@click.option("--size", type=click.IntRange(32, 1024), metavar="PX", help="Side of the encoder's input.")
@click.option(
    "--second-size",
    type=click.IntRange(32, 1024),
    metavar="PX",
    help="Side at which the finished encoder looks a second time.",
)
@click.option(
    "--train-size", type=click.IntRange(32, 1024), metavar="PX", help="Side while it learns; a smaller one is faster."
)
@click.option("--late-size", type=click.IntRange(32, 1024), metavar="PX", help="Side in the last 30 % of the epochs.")
@click.option("--whole", is_flag=True, help="The finished encoder looks at long pictures as a whole too.")
@click.option("--mirror", is_flag=True, help="The finished encoder looks at pictures in a mirror too, as for eyes.")
@click.option(
    "--tile-step",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Parts that the finished encoder looks at follow each other by this share; below 1 around the middle.",
)
@click.option(
    "--members",
    type=click.IntRange(1, MOST_MEMBERS),
    default=DEFAULTS.members,
    show_default=True,
    help="Networks that learn one after another; the encoder averages their features.",
)
@click.option(
    "--bits",
    type=click.Choice([str(one) for one in BITS]),
    default=str(DEFAULTS.bits),
    show_default=True,
    help="Of each weight in the file.",
)
@click.option("--half", is_flag=True, help="The same as --bits 16.")
@click.option("--loss", type=click.Choice(LOSSES), default=DEFAULTS.loss, show_default=True, help="What is minimised.")
@click.option("--epochs", type=click.IntRange(1, 10_000), default=DEFAULTS.epochs, show_default=True, help="At most.")
@click.option(
    "--patience",
    type=click.IntRange(1, 10_000),
    default=DEFAULTS.patience,
    show_default=True,
    help="Epochs without a better rank-1 before it stops.",
)
@click.option(
    "--frozen-epochs",
    type=click.IntRange(0, 10_000),
    default=DEFAULTS.frozen_epochs,
    show_default=True,
    help="Epochs at the start in which only the last stages learn.",
)
@click.option(
    "--kept-stages",
    type=click.IntRange(0, 100),
    default=DEFAULTS.kept_stages,
    show_default=True,
    help="First stages that never learn, which saves time.",
)
@click.option(
    "--subjects", type=click.IntRange(2, 1024), default=DEFAULTS.subjects, show_default=True, help="In a batch."
)
@click.option(
    "--images", type=click.IntRange(2, 64), default=DEFAULTS.images, show_default=True, help="Of each subject."
)
@click.option(
    "--learning-rate", type=click.FloatRange(0, 1, min_open=True), metavar="RATE", help="By default by architecture."
)
@click.option(
    "--fold", type=click.IntRange(0, 4), default=DEFAULTS.fold, show_default=True, help="Which fifth is judged."
)
@click.option("--no-choosing", is_flag=True, help="Train on four fifths for all epochs, and keep the last.")
@where_option
@click.option("--seed", type=click.IntRange(0, 2**31), default=DEFAULTS.seed, show_default=True, help="Of all chance.")
@click.option("--no-pseudonyms", is_flag=True, help="Keep patient ids of DICOM headers instead of keyed hashes.")
@output_options
def train(
    cohort: Path,
    out: Path,
    name: str | None,
    encoder: str | None,
    weights: Path | None,
    size: int | None,
    second_size: int | None,
    whole: bool,
    mirror: bool,
    tile_step: float | None,
    bits: str,
    half: bool,
    no_choosing: bool,
    where: tuple[str, ...],
    no_pseudonyms: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train an encoder to know the subjects of COHORT again at another visit.

    Three fifths of the subjects are trained on, one fifth decides when to stop, and one fifth, which nothing looks at
    in between, says how much was gained. The folder --out then holds the encoder and its model card, and is given as
    --encoder to every command. Stopped half-way, the same command goes on after the last whole epoch.
    """
    if half and int(bits) < 16:
        raise click.UsageError("--half is --bits 16; leave one of them out")
    wanted = read_where(where)
    called = _look_at(cohort, out, name, weights, settings["loss"])
    from reid_engine.cohort import read_cohort
    from reid_engine.encoder import IMAGENET_ENCODER, find_spec

    base = find_spec(encoder or IMAGENET_ENCODER)
    samples = read_cohort(cohort, pseudonymise=not no_pseudonyms)
    samples = samples.where(wanted) if wanted else samples
    from reid_engine.training.run import train as train_encoder

    with ending_in_order(), progress_bar() as progress:
        trained = train_encoder(
            samples,
            base,
            out,
            TrainingSettings(**settings, bits=16 if half else int(bits), choosing=not no_choosing),
            name=called,
            size=size,
            second_size=second_size,
            whole=whole,
            mirror=mirror,
            tile_step=tile_step,
            weights=weights,
            command=["reid-engine", *sys.argv[1:]],
            again=_again(cohort, out, where),
            progress=progress,
        )
    if as_json:
        print_json(_summary(trained, out))
    else:
        from reid_engine.report.training_text import training_result

        console().print(training_result(trained.card, out), soft_wrap=True)
    if trained.refused:
        counts = f"{len(trained.refused)} of {len(samples.samples)} images"
        say(f"reid-engine: {counts} were refused, the encoder was trained without them", error=True)
    return BAD_INPUT if trained.refused else 0


def _again(cohort: Path, out: Path, where: tuple[str, ...]) -> list[str]:
    conditions = [word for condition in where for word in ("--where", condition)]
    return ["reid-engine", "evaluate", str(cohort), "--out", "REPORT", "--encoder", str(out), "--unseen", *conditions]


def _look_at(cohort: Path, out: Path, name: str | None, weights: Path | None, loss: str) -> str:
    """Refuse what can be refused before anything is loaded; give the encoder's name."""
    from reid_engine.encoder.trained import NAME_PATTERN
    from reid_engine.training.folder import look_at_folder
    from reid_engine.training.loss import look_at_loss

    look_at_cohort(cohort)
    look_at_weights(weights)
    look_at_folder(out)
    look_at_loss(loss)
    called = name or out.resolve().name
    if not NAME_PATTERN.fullmatch(called):
        raise TrainingError(
            f"{called!r} cannot be an encoder's name; give one of letters, digits, dots, hyphens and underscores "
            "with --name"
        )
    return called


def _summary(trained: "Trained", out: Path) -> dict[str, Any]:
    return {
        "schema": "reid-trained/1",
        "encoder": {"name": trained.spec.name, "path": str(out)},
        "card": trained.card,
        "refused": [{"file": str(one.path), "reason": one.reason} for one in trained.refused],
    }
