"""Options that several commands share."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = click.Path(path_type=Path)


def _chain(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def read_where(given: Iterable[str]) -> dict[str, set[str]]:
    """Read what ``--where`` was given; several values of one column are alternatives."""
    wanted: dict[str, set[str]] = {}
    for text in given:
        column, sign, value = text.partition("=")
        if not sign or not column or not value:
            raise click.BadParameter(f"{text!r} is not COLUMN=VALUE", param_hint="--where")
        wanted.setdefault(column, set()).add(value)
    return wanted


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Let --debug count before or after the command's name."""
    if value:
        context.find_root().meta["debug"] = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_remember_debug,
    help="Show a traceback when something goes wrong.",
)

output_options = _chain(
    click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, and nothing else."),
    debug_option,
)

gallery_option = click.option("--gallery", type=FOLDER, required=True, metavar="DIR", help="The gallery's folder.")

encoder_options = _chain(
    click.option("--encoder", metavar="NAME", help="Encoder (see: reid-engine encoders), or a trained one's folder."),
    click.option("--weights", type=FOLDER, metavar="FILE", help="The encoder's weights: a file, or its folder."),
)

where_option = click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only samples of this value; of several values of a column, any.",
)

pseudonyms_option = click.option(
    "--no-pseudonyms", is_flag=True, help="Keep patient ids of DICOM headers instead of keyed hashes."
)

cohort_options = _chain(
    click.option("--batch-size", type=click.IntRange(1, 1024), default=16, show_default=True, help="Images at a time."),
    pseudonyms_option,
)
