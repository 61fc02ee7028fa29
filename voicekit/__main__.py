"""`python -m voicekit`: the command line."""

import sys

from voicekit.cli import main

sys.exit(main())
