"""`voicekit trace CALL`: shows where the time went between the caller's last word and the bot's first word."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from voicekit.cli.terminal import Parser, columns
from voicekit.errors import ConfigError

HELP = "show where the time went in each turn of a recorded call"


def main(arguments: Sequence[str]) -> int:
    """Draw the turns of a call. Returns 1 if there is nothing to draw."""
    from voicekit.session.trace.call import read_call
    from voicekit.session.trace.drawing import as_numbers, draw
    from voicekit.session.trace.svg import as_svg

    options = _parser().parse_args(arguments)
    call = read_call(Path(options.call))
    falls = [fall for fall in call.falls if options.turn in (None, fall.number)]
    if options.turn is not None and not falls:
        known = ", ".join(str(fall.number) for fall in call.falls) or "none"
        raise ConfigError(f"{options.call}: expected one of the turns with a trace ({known}), got {options.turn}")
    if options.json:
        print(json.dumps([as_numbers(fall, call.recorded(fall)) for fall in falls], indent=2))
        return 0 if falls else 1
    width = options.width or columns()
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print("\n\n".join(draw(fall, width=width, colour=colour, recorded=call.recorded(fall)) for fall in falls))
    if options.svg is not None and falls:
        slowest = max(falls, key=lambda fall: fall.seconds)
        Path(options.svg).write_text(as_svg(slowest, call.recorded(slowest)), encoding="utf-8")
    return 0 if falls else 1


def _parser() -> Parser:
    parser = Parser(prog="voicekit trace", description=HELP)
    parser.add_argument("call", metavar="CALL", help="the folder of a call, or the event log of a traced session")
    parser.add_argument("--turn", type=int, metavar="N", help="show only this turn (default: all)")
    parser.add_argument("--json", action="store_true", help="print each turn's latencies as numbers, in seconds")
    parser.add_argument(
        "--svg", metavar="FILE", help="also draw the turn into this SVG file (the slowest turn, if there are several)"
    )
    parser.add_argument(
        "--width", type=int, metavar="COLUMNS", help="width of the drawing (default: the terminal's width)"
    )
    return parser
