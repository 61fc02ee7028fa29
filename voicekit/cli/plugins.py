"""`voicekit plugins`: what is loaded, from where, and which hooks it implements."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from voicekit.extend import load_plugins

HELP = "list the plugins, where they come from and which hooks they implement"


def main(arguments: Sequence[str]) -> int:
    """Print a line for each plugin; 1 when one of them is broken."""
    argparse.ArgumentParser(prog="voicekit plugins", description=HELP).parse_args(arguments)
    plugins = load_plugins(strict=False)
    for info in plugins.listing():
        state = "blocked" if info.blocked else ", ".join(info.hooks) or "no hooks"
        print(f"{info.name}  ({info.origin})  {state}")
    for name, error in plugins.failures.items():
        print(f"{name}  BROKEN: {error}")
    return 1 if plugins.failures else 0
