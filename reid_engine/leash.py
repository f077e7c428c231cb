"""``python -m reid_engine.leash MODULE ARGUMENT …`` runs a module that does not outlive who started it.

Whoever starts it keeps the other end of its standard input open. When that end closes, even because its
owner was killed, the module's whole process group is ended. Used for the server, which would otherwise go on
holding its port and the scans in its memory.
"""

import os
import runpy
import signal
import sys
import threading
import time

_GRACE_SECONDS = 10.0


def main(arguments: list[str]) -> None:
    """Watch the standard input in a thread and run the module that the arguments name."""
    threading.Thread(target=_end_with_starter, name="leash", daemon=True).start()
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _end_with_starter() -> None:
    while os.read(0, 1024):
        pass
    _signal(signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    _signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    os._exit(1)


def _signal(number: int) -> None:
    """Reach the group where this process leads one, so that no task of the server is left."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), number)
    else:
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    main(sys.argv[1:])
