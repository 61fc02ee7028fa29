"""Runs the command line, as `python -m voicekit`."""

import sys

from voicekit.cli import main

sys.exit(main())
