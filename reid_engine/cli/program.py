"""The group of commands, and how every one of them ends."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from reid_engine import __version__
from reid_engine.cli.check import check
from reid_engine.cli.demo import demo
from reid_engine.cli.encoders import encoders
from reid_engine.cli.enrol import enrol
from reid_engine.cli.evaluate import evaluate
from reid_engine.cli.explain import explain
from reid_engine.cli.failures import finish
from reid_engine.cli.measures import measures
from reid_engine.cli.options import debug_option
from reid_engine.cli.probes import probes
from reid_engine.cli.remove import remove
from reid_engine.cli.serve import serve
from reid_engine.cli.streams import prepare
from reid_engine.cli.train import train

_COMPLETION = "_REID_ENGINE_COMPLETE"
"""Variable by which a shell asks click for completions."""


class Program(click.Group):
    """A group whose commands end with one line and a status, whatever happens."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command that the arguments name, and exit."""
        given = list(sys.argv[1:] if args is None else args)
        options = given[: given.index("--")] if "--" in given else given
        name = prog_name or "reid-engine"
        try:
            if _COMPLETION in os.environ:
                super().main(given, name, **extra)
            status = self._run(list(given), name, extra)
            sys.stdout.flush()
        except SystemExit:
            raise
        except BaseException as error:
            status = finish(error, as_json="--json" in options, debug="--debug" in options)
        sys.exit(status)

    def _run(self, args: list[str], name: str, extra: dict[str, Any]) -> int:
        """Do what click's own main does, which prints an empty line at Ctrl-C and exits with 1 at EPIPE."""
        extra.pop("standalone_mode", None)
        try:
            with self.make_context(name, args, **extra) as context:
                status = self.invoke(context)
        except click.exceptions.Exit as ended:
            status = ended.exit_code
        return status if isinstance(status, int) else 0


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="reid-engine")
@debug_option
@click.pass_context
def program(context: click.Context) -> None:
    """Measure, before a medical image is shared, how easily it identifies the patient."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (enrol, check, explain, measures, evaluate, probes, train, encoders, remove, serve, demo):
    program.add_command(_command)


def main() -> int:
    """Run the command line; the entry point of ``reid-engine``."""
    prepare()
    if "--debug" not in sys.argv:
        # Other packages' warnings are no news for whoever runs a command.
        warnings.simplefilter("ignore")
        logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Threads that spin while they wait make a busy machine, a server's for one, several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    program.main()
