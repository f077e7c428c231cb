"""Kills writers of a gallery at random moments and checks what they leave; run as a script, prints a summary.

One process imports everything and then forks, so that a round takes milliseconds; only its children ever touch
the gallery. Change number k follows from k alone, so any state of the gallery can be checked.
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from galleries import DIM, ENCODER, assert_whole, files_in, make_gallery, named_files, rows, subjects_of

from reid_engine.matcher.gallery import Gallery

CYCLE = 6
COUNT = 4


def change(gallery: Gallery, number: int) -> None:
    """Make change `number`: three people come, a model is fitted, one leaves, one's scans are replaced."""
    kind, first = number % CYCLE, number - number % CYCLE
    if kind <= 2:
        gallery.append(*rows(f"subject-{number}", COUNT))
    elif kind == 3:
        gallery.save_model("mean", {"mean": gallery.vectors.mean(axis=0), "number": np.array(number)}, {"n": number})
    elif kind == 4:
        gallery.remove_subjects([f"subject-{first}"])
    else:
        gallery.replace(*rows(f"subject-{first + 1}", COUNT - 1, view="again"))


def state_after(number: int) -> tuple[dict[str, int], int, int | None]:
    """Give each subject's samples, the samples replaced and the model's number after changes 0 to number - 1."""
    counts: dict[str, int] = {}
    replaced, model = 0, None
    for done in range(number):
        kind, first = done % CYCLE, done - done % CYCLE
        model = done if kind == 3 else None
        if kind <= 2:
            counts[f"subject-{done}"] = COUNT
        elif kind == 4:
            del counts[f"subject-{first}"]
        elif kind == 5:
            replaced += COUNT - 1
    return counts, replaced, model


def write_on(path: Path, number: int, channel: int) -> None:
    """Make changes from `number` on for ever, saying after each that it is committed."""
    gallery = Gallery.open(path, encoder=ENCODER)
    while True:
        change(gallery, number)
        number += 1
        os.write(channel, number.to_bytes(4, "big"))


def check(path: Path, acknowledged: int, channel: int) -> None:
    """Check that the gallery is whole and holds what was acknowledged, or one change more."""
    gallery = Gallery.open(path, encoder=ENCODER)
    assert_whole(gallery)
    assert gallery.vectors.shape[1] == DIM
    counts = gallery.table["subject_id"].value_counts().to_dict()
    stored = gallery.load_model("mean")
    number = None if stored is None else int(stored[0]["number"])
    if stored is not None:
        np.testing.assert_allclose(stored[0]["mean"], gallery.vectors.mean(axis=0), rtol=1e-6)
    state = (counts, int((gallery.table["view"] == "again").sum()), number)
    possible = [done for done in (acknowledged, acknowledged + 1) if state_after(done) == state]
    assert len(possible) == 1, (acknowledged, state)
    left = len(files_in(path) - named_files(path))
    os.write(channel, possible[0].to_bytes(4, "big") + left.to_bytes(4, "big"))


def fork(work, *arguments) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work(*arguments)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def read_all(channel: int) -> bytes:
    data = b""
    while piece := os.read(channel, 65536):
        data += piece
    os.close(channel)
    return data


def kill_one(path: Path, number: int, wait: float) -> int:
    """Let a writer go on from change `number`, kill it after `wait` seconds; give the last acknowledged change."""
    readable, writable = os.pipe()
    child = fork(write_on, path, number, writable)
    os.close(writable)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    said = read_all(readable)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit("a writer ended by itself")
    return int.from_bytes(said[-4:], "big") if said else number


def check_one(path: Path, acknowledged: int) -> tuple[int, int]:
    readable, writable = os.pipe()
    child = fork(check, path, acknowledged, writable)
    os.close(writable)
    said = read_all(readable)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"after change {acknowledged} the gallery was not what it should be")
    return int.from_bytes(said[:4], "big"), int.from_bytes(said[4:], "big")


def main(path: Path, rounds: int, seed: int) -> None:
    child = fork(make_gallery, path)
    os.waitpid(child, 0)
    draw = random.Random(seed)
    number, unsaid, leftovers = 0, 0, 0
    for _ in range(rounds):
        acknowledged = kill_one(path, number, draw.uniform(0.02, 0.2))
        number, left = check_one(path, acknowledged)
        unsaid += number > acknowledged
        leftovers += left > 0
    child = fork(sweep_and_check, path, number)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("leftovers were not cleared by the next writer")
    print(f"rounds={rounds} changes={number} unsaid={unsaid} leftovers={leftovers}")


def sweep_and_check(path: Path, number: int) -> None:
    gallery = Gallery.open(path)
    gallery.append(*rows("the-last"))
    assert subjects_of(gallery) == {*state_after(number)[0], "the-last"}
    assert files_in(path) == named_files(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
