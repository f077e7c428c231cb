"""A server as a child: a port for it, its process, whether it answers, and its end."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from reid_engine.errors import ServeError

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 15.0
"""How long a server may take to end when it is asked to."""

_ANY = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def reachable(host: str) -> str:
    """Give the address by which this machine itself reaches a server that listens on `host`."""
    return _ANY.get(host, host)


def take_port(host: str, port: int) -> int:
    """Give the port, or a free one for 0; raise :class:`ServeError` where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "it is not a port"
            raise ServeError(f"port {port} of {host} cannot be used ({reason}); choose another one") from None
        return int(probe.getsockname()[1])


@contextmanager
def child_process(
    command: Sequence[str], environment: Mapping[str, str], log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a process group of its own, with a pipe as its input, and end it with the block.

    Parameters
    ----------
    command, environment
        What to run.
    log
        File for what it prints; None lets it print where this process does.
    """
    output = log.open("wb") if log else None
    try:
        # In its own group Ctrl-C does not reach it: this process hears it, and ends the child in order.
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
        )
    finally:
        if output:
            output.close()
    try:
        yield process
    finally:
        _stop(process)


def wait_until_ready(
    process: subprocess.Popen[bytes], host: str, port: int, timeout: float, log: Path | None = None
) -> None:
    """Wait until a server accepts connections; raise :class:`ServeError` if it ends or takes too long."""
    deadline = time.monotonic() + timeout
    while process.poll() is None:
        if _accepts(reachable(host), port):
            return
        if time.monotonic() > deadline:
            raise ServeError(f"the server did not answer within {timeout:g} seconds; see what it printed")
        time.sleep(0.1)
    raise ServeError(f"the server ended at its start: {_last_words(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, then make it and its tasks end."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def _last_words(log: Path | None) -> str:
    """Give what the server said last of why it ended."""
    lines = log.read_text("utf-8", "replace").splitlines() if log and log.is_file() else []
    said = [line.rpartition(") - ")[2].strip() for line in lines if "startup failed" not in line]
    return next((line for line in reversed(said) if line), "see what it printed")
