"""The command: `python -m docs.site FOLDER` builds the site into FOLDER, and ends with 1 if there is any warning."""

import sys
from pathlib import Path

from docs.site.build import build

if len(sys.argv) != 2:
    sys.exit("usage: python -m docs.site FOLDER")
sys.exit(build(Path(sys.argv[1])))
