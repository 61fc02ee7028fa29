"""`voicekit log CALL`: prints what happened in a recorded call, one line per event."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

HELP = "print the events of a recorded call"


def main(arguments: Sequence[str]) -> int:
    """Print the events that can be shown as text, each with its time in seconds."""
    from voicekit.session.eventlog import log_lines
    from voicekit.session.trace.call import event_log

    parser = argparse.ArgumentParser(prog="voicekit log", description=HELP)
    parser.add_argument("call", metavar="CALL", help="the folder of a call, or its event log (events.jsonl)")
    options = parser.parse_args(arguments)
    for line in log_lines(event_log(Path(options.call))):
        print(line)
    return 0
