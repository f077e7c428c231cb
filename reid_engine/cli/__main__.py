"""``python -m reid_engine.cli`` is the command ``reid-engine``."""

import sys

from reid_engine.cli import main

sys.exit(main())
