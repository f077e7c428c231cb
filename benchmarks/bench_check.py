"""What a check over HTTP costs beside decoding the scan and running the bare network on it.

A real server process (``reid-engine serve``) holds a gallery of synthetic chest radiographs. Three ways are timed
in turn, on the same scan with the same number of threads, and the medians compared:

- ``check``: POST of the file on a kept connection, until the report is read;
- ``bare``: what a script does that only wants the features of that image: the file's bytes to display values by the
  format's own library (Pillow; pydicom with the VOI window of the header), the picture at the network's size by timm's
  own transform, and timm's module with the same weights, in the memory format that suits the device;
- ``own``: the same decoding, and this project's quicker network on a tensor that is at hand: no picture becomes a
  tensor in no time, so this is a bound rather than a way.

Everything else counts as overhead: HTTP, the upload's way over the disk, digests, finding the field, comparison with
the gallery, calibration, probes. ``ratio`` is check against bare; the target is at most 1.25. ``ratio_to_own`` is told
beside it.
"""

import argparse
import http.client
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pydicom
import torch
from bench_encoding import bare_network
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut
from timm.data import create_transform, resolve_model_data_config

from reid_engine.encoder import Encoder, load_encoder
from reid_engine.phantom import phantom_scan, write_phantom_cohort
from reid_engine.scan import read_scan
from reid_engine.serve import start

TARGET = 1.25
REST = 0.05
"""Seconds between two ways: the threads of one stay awake for a while, and would take the processors from the next."""

SEED = 3
_ROW = {
    "file": "scan.dcm", "subject_id": "P001", "session_id": "s9", "modality": "CXR", "laterality": "",
    "view": "PA", "sex": "F", "age": "61", "acquired": "2024-05-06", "device": "Radia 1",
}  # fmt: skip


def measure(*, repeats: int = 40, threads: int | None = None, subjects: int = 40) -> dict[str, Any]:
    """Give milliseconds of both ways (medians) and their ratio for each kind of scan.

    Parameters
    ----------
    threads
        Threads inside of an operation, for both ways; those that torch has by default.
    subjects
        Enrolled people, with three images each.
    """
    before = torch.get_num_threads()
    threads = threads or before
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
            return _measure(Path(folder), repeats, threads, subjects)
    finally:
        torch.set_num_threads(before)


def _measure(folder: Path, repeats: int, threads: int, subjects: int) -> dict[str, Any]:
    encoder = load_encoder()
    gallery = make_gallery(folder, encoder, subjects)
    scans = make_scans(folder)
    with _threads_of_children(threads), start(gallery, log=folder / "server.log") as server:
        connection = http.client.HTTPConnection(server.host, server.port)
        kinds = {
            name: _compare(_bare(path, encoder), _own(path, encoder), _checker(connection, path), repeats)
            for name, path in scans.items()
        }
        connection.close()
    return {
        "benchmark": "check",
        "ratio": max(kind["ratio"] for kind in kinds.values()),
        "target": TARGET,
        "kinds": kinds,
        "gallery_samples": 3 * subjects,
        "threads": threads,
        "repeats": repeats,
        "device": str(encoder.device),
    }


def make_gallery(folder: Path, encoder: Encoder, subjects: int) -> Path:
    """Enrol synthetic people and fit what a report needs."""
    from reid_engine.cohort import read_cohort
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery

    manifest = write_phantom_cohort(folder / "cohort", subjects=subjects, modalities=("CXR",), seed=SEED)
    gallery = Gallery.create(folder / "gallery", encoder.identity)
    enrol(read_cohort(manifest), gallery, encoder)
    fit_gallery(gallery)
    return folder / "gallery"


def make_scans(folder: Path) -> dict[str, Path]:
    """Write scans of an enrolled person's further visit, of the sizes and kinds that come out of a PACS."""
    from reid_engine.phantom.dicom import write_dicom

    small, large = (phantom_scan("CXR", 0, 8, SEED, size) for size in (1024, 2048))
    rng = np.random.default_rng(0)
    paths = {
        "png-1024-8bit": folder / "scan.png",
        "jpeg-2048-8bit": folder / "scan.jpg",
        "dicom-2048-16bit": folder / "scan.dcm",
    }
    Image.fromarray(_noisy(small, rng)).save(paths["png-1024-8bit"])
    Image.fromarray(_noisy(large, rng)).save(paths["jpeg-2048-8bit"], quality=92)
    write_dicom(paths["dicom-2048-16bit"], _noisy(large, rng).astype(np.float64) / 255, _ROW, SEED)
    return paths


def _noisy(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add detector noise: a smooth phantom would be decoded faster than a radiograph is."""
    return np.clip(picture + rng.normal(0, 2.5, picture.shape), 0, 255).astype(np.uint8)


def _compare(
    bare: Callable[[], object], own: Callable[[], object], check: Callable[[], Mapping[str, Any]], repeats: int
) -> dict[str, Any]:
    ways: dict[str, Callable[[], object]] = {"check": check, "bare": bare, "own": own}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(3):
            way()  # the first runs pay for allocations and kernels
    for _ in range(repeats):
        for name, way in ways.items():
            time.sleep(REST)
            started = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - started)
    medians = {name: 1000 * median(values) for name, values in times.items()}
    return {
        "ratio": medians["check"] / medians["bare"],
        "ratio_to_own": medians["check"] / medians["own"],
        **{f"{name}_ms": value for name, value in medians.items()},
        "server_ms": dict(check()["timing_ms"]),
    }


def _checker(connection: http.client.HTTPConnection, path: Path) -> Callable[[], Mapping[str, Any]]:
    boundary = "bench-check-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"; filename="{path.name}"\r\n\r\n'
    plain = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"\r\n\r\n'
    body = b"".join(
        [
            plain.format("params").encode(),
            b'{"modality": "CXR"}\r\n',
            head.format("file").encode(),
            path.read_bytes(),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.close()  # it is opened again: the server ends one that idles while the other ways are made ready

    def check() -> Mapping[str, Any]:
        connection.request("POST", "/infer/reidentification_risk?output=json", body, headers)
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"the check was refused with {response.status}: {text.decode()}")
        return dict(json.loads(text))

    return check


def _bare(path: Path, encoder: Encoder) -> Callable[[], object]:
    data = path.read_bytes()
    decode = _decode_dicom if path.suffix == ".dcm" else _decode_picture
    network = bare_network(encoder)
    resize, crop, *rest = create_transform(**resolve_model_data_config(network)).transforms

    def bare() -> object:
        values = decode(data)
        eight = values if values.dtype == np.uint8 else np.clip(values * (255 / values.max()), 0, 255).astype(np.uint8)
        picture = crop(resize(Image.fromarray(eight))).convert("RGB")  # three times quicker than colour from the start
        for step in rest:
            picture = step(picture)
        with torch.inference_mode():
            return network(picture[None].to(encoder.device)).cpu()

    return bare


def _own(path: Path, encoder: Encoder) -> Callable[[], object]:
    data = path.read_bytes()
    batch = encoder.prepare(read_scan(path, modality="CXR"))
    decode = _decode_dicom if path.suffix == ".dcm" else _decode_picture
    return lambda: (decode(data), encoder.forward(batch))


def _decode_picture(data: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _decode_dicom(data: bytes) -> NDArray[Any]:
    header = pydicom.dcmread(io.BytesIO(data))
    return apply_voi_lut(apply_modality_lut(header.pixel_array, header), header)


@contextmanager
def _threads_of_children(threads: int) -> Iterator[None]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--threads", type=int, default=None, help="threads (default: torch's)")
    parser.add_argument("--subjects", type=int, default=40, help="enrolled people")
    given = parser.parse_args()
    result = measure(repeats=given.repeats, threads=given.threads, subjects=given.subjects)
    if given.json:
        print(json.dumps(result))
        return
    for name, kind in result["kinds"].items():
        print(
            f"{name:18} check {kind['check_ms']:6.1f} ms   plain script {kind['bare_ms']:6.1f} ms   "
            f"ratio {kind['ratio']:.2f} (target {TARGET}; {kind['ratio_to_own']:.2f} without preparation)"
        )


if __name__ == "__main__":
    main()
