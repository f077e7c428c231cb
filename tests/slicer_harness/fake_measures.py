"""What a server answers of measures: a document with pictures, and a copy of the scan that was sent."""

import base64
import email
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from slicer_harness.fake_server import FakeServer

MEASURES = "reidentification_measures"
OFFERED = (
    ("header-only", "remove the header and keep every pixel"),
    ("blur", "blur"),
    ("crop", "keep the middle 80 %"),
)


def measures_info() -> dict[str, Any]:
    """Give what such a server says of itself."""
    offered = {"CXR": [{"name": name, "title": title} for name, title in OFFERED]}
    return {
        "name": "fake",
        "version": "0.1.0",
        "models": {"reidentification_risk": {"type": "classification"}, MEASURES: {"measures": offered}},
    }


def sample_measures(pictures: bool = True) -> dict[str, Any]:
    """Give a document: the header alone does not help, a blur does, and after a crop nothing is known."""
    before = {"level": "high", "reason": None, "p_reidentified": 0.87, "ci95": [0.78, 0.93], "anonymity_set": 1.3,
              "in_domain": True, "p_subject": 0.87, "llr_subject": 3.4, "rank_subject": 1}  # fmt: skip
    blurred = {**before, "level": "elevated", "p_reidentified": 0.31, "ci95": [0.2, 0.44], "llr_subject": 1.9}
    cropped = {**before, "level": "unknown", "reason": "It is unlike those enrolled.", "p_reidentified": None,
               "ci95": None, "in_domain": False, "p_subject": None, "llr_subject": None}  # fmt: skip
    rows = [
        {"measure": "header-only", "title": OFFERED[0][1], **before, "lowers": False, "ssim": 1.0, "psnr": None, "kept": 1.0},
        {"measure": "blur", "title": OFFERED[1][1], **blurred, "lowers": True, "ssim": 0.9134, "psnr": 31.27, "kept": 1.0},
        {"measure": "crop", "title": OFFERED[2][1], **cropped, "lowers": None, "ssim": None, "psnr": None, "kept": 0.64},
    ]  # fmt: skip
    document = {
        "schema": "reid-measures/1",
        "before": before,
        "measures": rows,
        "caveats": ["An attacker who knows a measure can train on images that went through it."],
    }
    if pictures:
        document["preview_before"] = picture(200)
        for row, grey in zip(rows, (200, 120, 60), strict=True):
            row["preview"] = picture(grey)
    return document


def picture(grey: int) -> str:
    """Give a small PNG in base64."""
    ramp = np.linspace(0, grey, 96 * 128).reshape(96, 128).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def sent_parts(headers: dict[str, str], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Give the parameters and the file of a form that was sent."""
    message = email.message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    params, file = message.get_payload()
    return json.loads(params.get_payload()), file.get_payload(decode=True)


def darkened(nrrd: bytes) -> bytes:
    """Give a copy of the file that was sent, at half of each value and on the same grid, as NIfTI."""
    import itk

    with tempfile.TemporaryDirectory() as folder:
        scan, copy = Path(folder) / "scan.nrrd", Path(folder) / "copy.nii"
        scan.write_bytes(nrrd)
        image = itk.imread(str(scan))
        pixels = itk.array_view_from_image(image)
        pixels[...] = pixels // 2
        itk.imwrite(image, str(copy))
        return gzip.compress(copy.read_bytes())


def measures_server(document: Any = None, report: Any = None) -> FakeServer:
    """Give a server that tries measures and makes copies of what it was sent; checks are answered by ``report``."""

    def answer(handler: Any) -> None:
        url = urlsplit(handler.path)
        told = document if document is not None else sample_measures()
        if not url.path.endswith(MEASURES):
            handler.reply(200, report)
        elif parse_qs(url.query)["output"] == ["json"]:
            handler.reply(200, told)
        else:
            params, scan = sent_parts(*handler.server.bodies[-1])
            (name,) = params["measures"]
            one = {**told, "measures": [row for row in told["measures"] if row["measure"] == name]}
            handler.reply_with_file(one, darkened(scan), "copy.nii.gz")

    return FakeServer(answer, info=measures_info())
