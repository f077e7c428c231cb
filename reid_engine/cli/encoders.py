"""``reid-engine encoders``: what can be used, under which licence, and whether its weights are at hand."""

import click

from reid_engine.cli.options import output_options
from reid_engine.cli.output import console, print_json


@click.command(short_help="List the encoders that can be used.")
@output_options
def encoders(as_json: bool) -> int:
    """List the encoders that have a name; any other timm model can be used as timm:NAME."""
    from reid_engine.encoder import DEFAULT_ENCODER, specs

    rows = [spec.describe() for spec in specs()]
    if as_json:
        print_json({"schema": "reid-encoders/1", "default": DEFAULT_ENCODER, "encoders": rows})
    else:
        from reid_engine.report.text import encoder_list

        console().print(encoder_list(rows, DEFAULT_ENCODER))
    return 0
