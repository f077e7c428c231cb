"""Opens a gallery and enrols people one by one; run as a script: PATH PREFIX COUNT."""

import sys
from pathlib import Path

from galleries import ENCODER, rows

from reid_engine.matcher.gallery import Gallery

gallery = Gallery.open(Path(sys.argv[1]), encoder=ENCODER)
for number in range(int(sys.argv[3])):
    gallery.append(*rows(f"{sys.argv[2]}-{number}"))
