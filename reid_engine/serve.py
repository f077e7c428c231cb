"""Starts the MONAI Label server with this project's app: on loopback, and gone when its starter is."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from reid_engine.child_process import (
    LOOPBACK,
    child_process,
    is_loopback,
    reachable,
    take_port,
    wait_until_ready,
)
from reid_engine.errors import ServeError
from reid_engine.private_folder import private_folder

DEFAULT_PORT = 8000
START_SECONDS = 180.0
"""How long a server may take to start; about ten seconds are usual."""

_APP_FOLDERS = ("monailabel_app", "_monailabel_app")
# With it start_server 0.8.5 ends in a TypeError; the app's own option "origins" takes its place.
_CRASHES_MONAI_LABEL = "MONAI_LABEL_CORS_ORIGINS"
_MADE_BY_MONAI_LABEL = ("model", "logs", "bin", "__pycache__", "env.bat", ".env")


@dataclass(frozen=True)
class Server:
    """A running server.

    Parameters
    ----------
    process
        Its process, which leads a process group.
    host, port
        Where it listens.
    log
        What it prints, or None where that goes to the terminal.
    """

    process: subprocess.Popen[bytes]
    host: str
    port: int
    log: Path | None = None

    @property
    def url(self) -> str:
        """The address for clients, without a slash at the end."""
        host = reachable(self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def wait_until_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait until it accepts connections; raise :class:`ServeError` if it ends or takes too long."""
        wait_until_ready(self.process, self.host, self.port, timeout, self.log)


def serve(
    gallery: Path,
    studies: Path | None = None,
    *,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    encoder: str | None = None,
    options: Mapping[str, str] | None = None,
    allow_remote: bool = False,
) -> int:
    """Run the server in the foreground until it ends or Ctrl-C is pressed.

    Parameters
    ----------
    gallery
        The gallery's folder; if there is none yet, the server's train task makes it.
    studies
        Folder with images to check or enrol by their names; None gives an empty one.
    host, port
        Where to listen; port 0 takes a free one.
    encoder
        Name of the encoder; None takes the gallery's.
    options
        Further ``--conf`` pairs of the app.
    allow_remote
        Whether `host` may be an address that other machines reach; nothing is encrypted, and nobody is asked
        for anything unless the options have a ``token_file``.

    Returns
    -------
    int
        The exit status: 0 when it was stopped on purpose.

    Raises
    ------
    ServeError
        If it cannot be started; the message says why.
    """
    with _start(gallery, studies, host, port, encoder, options, allow_remote, log=None) as server:
        if not is_loopback(host):
            print(_warning(host, "token_file" in (options or {})), file=sys.stderr)  # noqa: T201
        with _stopping_on_signals():
            try:
                server.wait_until_ready()
                print(f"Serving on {server.url} (Ctrl-C stops it)", flush=True)  # noqa: T201
                return server.process.wait()
            except KeyboardInterrupt:
                return 0


@contextmanager
def start(
    gallery: Path,
    studies: Path | None = None,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    encoder: str | None = None,
    options: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout: float = START_SECONDS,
) -> Iterator[Server]:
    """Start a server in the background, wait until it answers, and stop it at the end of the block.

    Parameters
    ----------
    gallery, studies, host, port, encoder, options
        As for :func:`serve`; the host must be a loopback address.
    log
        File for what the server prints; None keeps it only until the end.
    timeout
        Seconds until it must answer.

    Yields
    ------
    Server
        Its process and address.
    """
    with private_folder("log") as folder:
        log = log or folder / "server.log"
        with _start(gallery, studies, host, port, encoder, options, allow_remote=False, log=log) as server:
            server.wait_until_ready(timeout)
            yield server


def build_command(
    app: Path,
    gallery: Path,
    studies: Path,
    *,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    encoder: str | None = None,
    options: Mapping[str, str] | None = None,
) -> list[str]:
    """Give the command line that starts MONAI Label with the app."""
    conf = {"gallery": str(gallery), **({"encoder": encoder} if encoder else {}), **(options or {})}
    pairs = [word for key, value in conf.items() for word in ("--conf", key, value)]
    where = ["--app", str(app), "--studies", str(studies), "--host", host, "--port", str(port)]
    return [sys.executable, "-m", "reid_engine.leash", "monailabel.main", "start_server", *where, *pairs]


def build_environment(folder: Path) -> dict[str, str]:
    """Give the server's environment: this one, MONAI Label's settings, and temporary files in `folder`."""
    inherited = {key: value for key, value in os.environ.items() if key != _CRASHES_MONAI_LABEL}
    return {
        **inherited,
        "MONAI_LABEL_AUTO_UPDATE_SCORING": "false",
        "MONAI_LABEL_SESSIONS": "false",
        "MONAI_LABEL_DATASTORE_AUTO_RELOAD": "false",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder),
        "TEMP": str(folder),
        "TMP": str(folder),
    }


def find_app() -> Path:
    """Find the app's folder: beside the package in a checkout, inside it where it is installed."""
    package = Path(__file__).resolve().parent
    for folder in (package.parent / _APP_FOLDERS[0], package / _APP_FOLDERS[1]):
        if (folder / "main.py").is_file():
            return folder
    raise ServeError("the MONAI Label app is not installed with reid-engine; install the package again")


@contextmanager
def _start(
    gallery: Path,
    studies: Path | None,
    host: str,
    port: int,
    encoder: str | None,
    options: Mapping[str, str] | None,
    allow_remote: bool,
    log: Path | None,
) -> Iterator[Server]:
    check_can_start(gallery, studies, host, allow_remote=allow_remote)
    port = take_port(host, port)
    with private_folder("serve") as folder:
        # MONAI Label writes logs and folders into the app, which may be read-only and serves others too.
        app, temporary, empty = folder / "app", folder / "tmp", folder / "studies"
        shutil.copytree(find_app(), app, ignore=shutil.ignore_patterns(*_MADE_BY_MONAI_LABEL))
        temporary.mkdir()
        empty.mkdir()
        studies = (studies or empty).resolve()
        options = {**(options or {}), **({} if is_loopback(host) else {"remote": "yes"})}
        command = build_command(app, gallery.resolve(), studies, host=host, port=port, encoder=encoder, options=options)
        with child_process(command, build_environment(temporary), log) as process:
            yield Server(process, host, port, log)


def check_can_start(gallery: Path, studies: Path | None, host: str, *, allow_remote: bool) -> None:
    """Raise :class:`ServeError` for whatever can be seen to be wrong before the server is started."""
    if importlib.util.find_spec("monailabel") is None:
        raise ServeError("MONAI Label is not installed; run: pip install 'reid-engine[app]'")
    if gallery.exists() and not gallery.is_dir():
        raise ServeError(f"{gallery}: is not a gallery's folder; give the one that reid-engine enrol made")
    if gallery.is_dir() and any(gallery.iterdir()) and not (gallery / "manifest.json").is_file():
        raise ServeError(f"{gallery}: holds other files and no gallery; give the one that reid-engine enrol made")
    if studies is not None and not studies.is_dir():
        raise ServeError(f"{studies}: there is no such folder of studies; check the path")
    if not allow_remote and not is_loopback(host):
        raise ServeError(
            f"{host} can be reached by other machines, and the server encrypts nothing; "
            "keep 127.0.0.1, or allow it expressly"
        )


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C, so that the server and its folder are gone before this process."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warning(host: str, has_token: bool) -> str:
    if has_token:
        return (
            f"Warning: other machines can reach this server at {host}. It encrypts nothing: on the way, scans and the "
            "token can be read; put a reverse proxy with TLS in front of it (docs/security.md)."
        )
    return (
        f"Warning: other machines can reach this server at {host}. It asks for no token and encrypts nothing; give it "
        "one (--token-file), and put a reverse proxy with TLS in front of it (docs/security.md)."
    )
