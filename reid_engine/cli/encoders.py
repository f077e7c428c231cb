"""``reid-engine encoders``: what can be used, under which licence, and whether its weights are at hand."""

import click

from reid_engine.cli.options import output_options
from reid_engine.cli.output import console, print_json
from reid_engine.cli.streams import say


@click.command(short_help="List the encoders that can be used.")
@click.option("--download", metavar="NAME", help="Fetch this encoder's weights, once; nothing else ever does.")
@output_options
def encoders(download: str | None, as_json: bool) -> int:
    """List the encoders that have a name; any other timm model can be used as timm:NAME."""
    if download is not None:
        return _download(download, as_json)
    from reid_engine.encoder import DEFAULT_ENCODER, specs

    rows = [spec.describe() for spec in specs()]
    if as_json:
        print_json({"schema": "reid-encoders/1", "default": DEFAULT_ENCODER, "encoders": rows})
    else:
        from reid_engine.report.text import encoder_list

        console().print(encoder_list(rows, DEFAULT_ENCODER))
    return 0


def _download(name: str, as_json: bool) -> int:
    from reid_engine.encoder import find_spec

    spec = find_spec(name)
    path = (spec.source.locate() if spec.source else None) or spec.fetch()
    if as_json:
        print_json({"schema": "reid-weights/1", "name": spec.name, "path": str(path), "licence": spec.licence})
    else:
        say(f"The weights of {spec.name} are in {path}; their licence: {spec.licence}")
    return 0
