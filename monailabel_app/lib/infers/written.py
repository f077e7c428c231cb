"""A task's answer as MONAI Label takes it: a file beside the JSON values."""

from pathlib import Path
from typing import Any

from lib.desk import Answer


def written(request: dict[str, Any], answer: Answer) -> tuple[str | None, dict[str, Any]]:
    """Write the volume to ``request["result"]``, a path that the server chose, and give it with the JSON values."""
    if answer.volume is None:
        return None, answer.document
    with Path(request["result"]).open("xb") as file:
        file.write(answer.volume)
    return request["result"], answer.document
