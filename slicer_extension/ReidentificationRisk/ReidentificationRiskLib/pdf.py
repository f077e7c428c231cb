"""A page of HTML printed into a PDF by Qt, which every Slicer has."""

import errno
import os

import qt

from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.writing import replacing

END = b"%%EOF"


def write_pdf(path: str, page: str) -> None:
    """Print a page; PanelError as `writing.replacing`, and where Slicer was built without printing."""
    if not hasattr(qt, "QPrinter"):
        raise PanelError(_("This Slicer cannot print: save HTML, and print that from a browser."))
    with replacing(path) as temporary:
        printer = qt.QPrinter(qt.QPrinter.HighResolution)
        printer.setOutputFileName(temporary)
        printer.setOutputFormat(qt.QPrinter.PdfFormat)
        document = qt.QTextDocument()
        document.setHtml(page)
        document.print(printer)
        del printer  # which closes the file
        if not _is_whole(temporary):  # Qt says nothing of a full disk
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _is_whole(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read().rstrip().endswith(END)
