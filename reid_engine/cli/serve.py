"""``reid-engine serve --gallery DIR``: the MONAI Label server with this project's app."""

import json
from pathlib import Path

import click

from reid_engine.cli.interrupts import ending_in_order
from reid_engine.cli.options import FOLDER, gallery_option, output_options
from reid_engine.cli.preflight import look_at_encoder, look_at_new_gallery
from reid_engine.cli.streams import say
from reid_engine.token_file import OPEN_TO_OTHERS, is_open_to_others, read_token


@click.command(short_help="Serve the panel: MONAI Label on this machine.")
@gallery_option
@click.option("--studies", type=FOLDER, metavar="DIR", help="Images to check or enrol by their names.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--encoder", metavar="NAME", help="Encoder, or the folder of a trained one; by default the gallery's.")
@click.option("--images", is_flag=True, help="Let clients list the studies and see enrolled images.")
@click.option("--token-file", type=FOLDER, metavar="FILE", help="Ask every client for the token in this file.")
@click.option("--allow-remote", is_flag=True, help="Let other machines reach it; give a token as well.")
@output_options
def serve(
    gallery: Path,
    studies: Path | None,
    host: str,
    port: int,
    encoder: str | None,
    images: bool,
    token_file: Path | None,
    allow_remote: bool,
    as_json: bool,
) -> int:
    """Serve checks to the panel until Ctrl-C is pressed."""
    look_at_encoder(encoder, gallery, look_at_new_gallery(gallery))
    options = {"images": "yes"} if images else {}
    if token_file is not None:
        read_token(token_file)
        if is_open_to_others(token_file):
            say(f"Warning: {OPEN_TO_OTHERS}", error=True)
        options["token_file"] = str(token_file.resolve())
    from reid_engine import serve as server

    if not as_json:
        return server.serve(
            gallery, studies, host=host, port=port, encoder=encoder, options=options, allow_remote=allow_remote
        )
    with ending_in_order():
        try:
            with server.start(gallery, studies, host=host, port=port, encoder=encoder, options=options) as running:
                say(json.dumps({"schema": "reid-server/1", "url": running.url}))
                return running.process.wait()
        except KeyboardInterrupt:
            return 0
