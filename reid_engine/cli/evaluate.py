"""``reid-engine evaluate COHORT --out DIR``: a cohort against itself."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reid_engine.cli.failures import GATE_FAILED
from reid_engine.cli.options import FOLDER, cohort_options, output_options, read_where, where_option
from reid_engine.cli.output import console, print_json, progress_bar
from reid_engine.cli.preflight import choose_encoder, look_at_cohort, look_at_weights, tell_notes
from reid_engine.cli.streams import say
from reid_engine.errors import CohortError, EncoderError

if TYPE_CHECKING:
    from reid_engine.cohort import Cohort
    from reid_engine.encoder import Encoder
    from reid_engine.encoder.embedder import Embedder
    from reid_engine.evaluation import EvaluationReport
    from reid_engine.evaluation.gate import Limit

GATES = {
    "--max-rank1": ("SHARE", "Gate: images that may be re-identified, at most."),
    "--max-rank1-subject": ("SHARE", "Gate: subjects with any image re-identified, at most."),
    "--max-share-above": ("P:SHARE", "Gate: images with a stated probability of P or more, at most."),
    "--max-leakage": ("ATTRIBUTE:AUC", "Gate: how well an attribute may be guessed, at most."),
}
"""Limits of the gate; each may be given several times."""


def _gate_options(command: Callable[..., int]) -> Callable[..., int]:
    for name, (metavar, text) in reversed(GATES.items()):
        command = click.option(name, multiple=True, metavar=metavar, help=text)(command)
    return command


@dataclass(frozen=True)
class _Wanted:
    """What the command line asks for."""

    out: Path
    encoders: tuple[str, ...]
    weights: tuple[Path, ...]
    separate: str | None
    baselines: bool
    images: bool
    batch_size: int
    limits: "tuple[Limit, ...]"


@click.command(short_help="Measure how re-identifiable a whole cohort is.")
@click.argument("cohort", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, metavar="DIR", help="Folder for the report.")
@click.option("--encoder", multiple=True, metavar="NAME", help="Encoder, trained one's folder or auto; again for more.")
@click.option("--weights", multiple=True, type=FOLDER, metavar="FILE", help="Weights of each --encoder, in that order.")
@click.option("--separate", default="dataset", metavar="COLUMN", help="Never compare across values of this column.")
@where_option
@click.option("--unseen", is_flag=True, help="Only subjects that the trained --encoder has not seen.")
@click.option("--no-baselines", is_flag=True, help="Leave out pixels, border, untrained network and demographics.")
@click.option("--no-images", is_flag=True, help="For sharing: no pictures, no ids, no group under 10 subjects.")
@_gate_options
@cohort_options
@output_options
def evaluate(
    cohort: Path,
    out: Path,
    encoder: tuple[str, ...],
    weights: tuple[Path, ...],
    separate: str,
    where: tuple[str, ...],
    unseen: bool,
    no_baselines: bool,
    no_images: bool,
    max_rank1: tuple[str, ...],
    max_rank1_subject: tuple[str, ...],
    max_share_above: tuple[str, ...],
    max_leakage: tuple[str, ...],
    batch_size: int,
    no_pseudonyms: bool,
    as_json: bool,
) -> int:
    """Measure how often images of COHORT find their own subject among the others.

    The folder --out gets report.html for people, report.json with every number, queries.csv with what each image
    found, and embeddings/ for the next time. The last two single out people: share the first two alone, made with
    --no-images. Sets that the column --separate tells apart are never compared with each other, because their
    origin would be a shortcut.

    With limits, the upper end of the 95 % interval of the strongest attacker decides; one that is passed over
    makes the command exit with 1.
    """
    given = zip(GATES, (max_rank1, max_rank1_subject, max_share_above, max_leakage), strict=True)
    conditions = read_where(where)
    limits = _limits([(name, text) for name, texts in given for text in texts])
    look_at_cohort(cohort)
    _look_at(encoder, weights, out)
    from reid_engine.cohort import read_cohort

    samples = read_cohort(cohort, pseudonymise=not no_pseudonyms)
    samples = samples.where(conditions) if conditions else samples
    samples = _unseen(samples, encoder) if unseen else samples
    wanted = _Wanted(out, encoder, weights, separate or None, not no_baselines, not no_images, batch_size, limits)
    report = _measure(samples, wanted)
    document = _save(report, samples, wanted)
    if as_json:
        print_json(document)
    else:
        from reid_engine.report.evaluation_text import evaluation_report

        screen = console()
        screen.print(evaluation_report(document))
        screen.print(f"The whole report is in {out / 'report.html'}", soft_wrap=True)
    return _verdict(document)


def _unseen(samples: "Cohort", encoders: tuple[str, ...]) -> "Cohort":
    from reid_engine.encoder import find_spec
    from reid_engine.encoder.spec import FolderWeights
    from reid_engine.training.unseen import unseen_part

    trained = [spec for spec in map(find_spec, encoders) if isinstance(spec.source, FolderWeights)]
    if len(trained) != 1:
        raise EncoderError("--unseen takes one trained encoder; name it with --encoder, beside others if you like")
    return unseen_part(samples, trained[0])


def _limits(given: list[tuple[str, str]]) -> "tuple[Limit, ...]":
    if not given:
        return ()
    from reid_engine.evaluation.gate import parse_limit

    return tuple(parse_limit(name, text) for name, text in given)


def _look_at(encoders: tuple[str, ...], weights: tuple[Path, ...], out: Path) -> None:
    for path in weights:
        look_at_weights(path)
    if len(weights) > max(len(encoders), 1):
        raise EncoderError(f"{len(weights)} weights files for {max(len(encoders), 1)} encoders; name each --encoder")
    if out.exists() and not out.is_dir():
        raise CohortError(str(out), ["is a file; give a folder for the report"])


def _measure(samples: "Cohort", wanted: _Wanted) -> "EvaluationReport":
    from reid_engine.evaluation import evaluate as evaluate_cohort

    encoders = _load(wanted, samples)
    baselines = _baselines(encoders) if wanted.baselines else []
    wanted.out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        return evaluate_cohort(
            samples,
            encoders,
            store=wanted.out,
            baselines=baselines,
            separate=wanted.separate,
            limits=wanted.limits,
            batch_size=wanted.batch_size,
            progress=progress,
        )


def _load(wanted: _Wanted, samples: "Cohort") -> "list[Encoder]":
    from reid_engine.encoder import DEFAULT_ENCODER, load_encoder

    names = wanted.encoders or (DEFAULT_ENCODER,)
    files: list[Path | None] = [*wanted.weights, *[None] * (len(names) - len(wanted.weights))]
    encoders = []
    for name, file in zip(names, files, strict=True):
        chosen, path = choose_encoder(name, file, samples)
        encoders.append(load_encoder(chosen or name, weights=path))
        tell_notes(encoders[-1])
    return encoders


def _baselines(encoders: "list[Encoder]") -> "list[Embedder]":
    """Give the baselines, and the ImageNet encoder where it is not measured anyway."""
    from reid_engine.baselines import default_baselines
    from reid_engine.encoder import IMAGENET_ENCODER, load_encoder

    if any(encoder.identity.name == IMAGENET_ENCODER for encoder in encoders):
        return default_baselines()
    return [*default_baselines(), load_encoder(IMAGENET_ENCODER)]


def _save(report: "EvaluationReport", samples: "Cohort", wanted: _Wanted) -> dict[str, Any]:
    from reid_engine.evaluation.suppression import shareable
    from reid_engine.report.evaluation_html import render_evaluation
    from reid_engine.report.pictures import example_pictures
    from reid_engine.whole_file import put_text

    document = report.to_json()
    pictures: Mapping[str, bytes] = {}
    if wanted.images:
        named = (row[key] for row in document["examples"] for key in ("sample_id", "mate_id", "found_id"))
        pictures = example_pictures(samples, [name for name in dict.fromkeys(named) if name])
    else:
        document = shareable(document)
    put_text(wanted.out / "report.json", json.dumps(document, allow_nan=False, indent=2) + "\n")
    put_text(wanted.out / "report.html", render_evaluation(document, pictures=pictures))
    put_text(wanted.out / "queries.csv", report.queries.to_csv(index=False))
    return document


def _verdict(document: Mapping[str, Any]) -> int:
    if document["gate"]["passed"] is not False:
        return 0
    from reid_engine.evaluation.gate import gate_line

    say(f"reid-engine: {gate_line(document['gate'])}", error=True)
    return GATE_FAILED
