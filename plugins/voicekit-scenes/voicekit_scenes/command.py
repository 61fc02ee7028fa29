"""`voicekit scenes [BOT]`: run the scenes with a bot, print the score, and draw a chart."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from voicekit.cli.bot import find_bot, plugins_beside
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError
from voicekit.extend import Plugins
from voicekit.session.bot import Bot
from voicekit_scenes.judged import Judged
from voicekit_scenes.replay import MESSAGES
from voicekit_scenes.scene import Scene, chosen

HELP: Final = "test a bot's turn-taking in scripted scenes, and score it"


def main(arguments: Sequence[str]) -> int:
    """Run the scenes. Returns 0 whatever the score is, because programs can read the score with --json."""
    parser = Parser(prog="voicekit scenes", description=HELP)
    bot = "a Python file with a handler, or the name of a registered handler (default: the scenes' own bot)"
    parser.add_argument("bot", metavar="BOT", nargs="?", help=bot)
    parser.add_argument("--only", metavar="NAME", help="run only scenes whose name or kind begins with NAME")
    parser.add_argument(
        "--vad",
        metavar="NAME",
        help="voice activity detector: webrtc or confirmed (default: confirmed if voicekit-silero is installed)",
    )
    recogniser = "recorded: replay stored messages; live: run a real recogniser (needs voicekit-local)"
    parser.add_argument("--recogniser", choices=("recorded", "live"), default="recorded", help=recogniser)
    messages = "replay this file of messages; messages-0.2.jsonl is from the slower server of version 0.2"
    parser.add_argument("--messages", metavar="FILE", default=MESSAGES, help=messages)
    real = "run only the scenes that work in real time, over the local server (or Soniox, with SONIOX_API_KEY)"
    parser.add_argument("--real", action="store_true", help=real)
    parser.add_argument("--scenes", action="store_true", help="also print a line for each scene")
    parser.add_argument("--log", action="store_true", help="also print every turn-taking decision")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file (with -, print them instead)")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="draw the scenes into this SVG file")
    options = parser.parse_args(arguments)
    plugins = plugins_beside(options.bot)
    vad = options.vad or usual_vad(plugins)
    judged = _held(options, plugins, vad)
    _show(options, judged, vad)
    return 0


def usual_vad(plugins: Plugins) -> str:
    """The default voice activity detector: `confirmed` if voicekit-silero is installed, else `webrtc`."""
    return "confirmed" if "confirmed" in plugins.registry.names("vad") else "webrtc"


def _held(options: argparse.Namespace, plugins: Plugins, vad: str) -> list[Judged]:
    from voicekit_scenes.held import hold
    from voicekit_scenes.judged import judge

    scenes = chosen(options.only, realtime=options.real)
    if vad not in plugins.registry.names("vad"):
        raise ConfigError(f"--vad: expected one of {', '.join(plugins.registry.names('vad'))}, got {vad!r}")
    bot = None if options.bot is None else find_bot(options.bot, plugins)
    if options.real:
        return trio.run(_held_in_real_time, scenes, bot, vad, plugins)
    engines = None
    if options.recogniser == "live":
        from voicekit_scenes.live import Engines

        engines = Engines()
    judged = []
    shows = sys.stderr.isatty()
    for place, scene in enumerate(scenes):
        if shows:
            print(f"\r{place + 1} of {len(scenes)}: {scene.name:24}", end="", file=sys.stderr, flush=True)
        recording = hold(scene, bot, vad=vad, engines=engines, messages=options.messages, plugins=plugins)
        judged.append(judge(recording))
        if options.log:
            print(f"\n{scene.name}\n  " + "\n  ".join(recording.decided))
    if shows:
        print("\r" + " " * 48 + "\r", end="", file=sys.stderr, flush=True)
    return judged


async def _held_in_real_time(scenes: Sequence[Scene], bot: Bot | None, vad: str, plugins: Plugins) -> list[Judged]:
    from voicekit.soniox.local import soniox_or_local
    from voicekit_scenes.judged import judge
    from voicekit_scenes.realtime import hold_in_real_time

    async with soniox_or_local() as service:
        return [judge(await hold_in_real_time(scene, service, bot, vad=vad, plugins=plugins)) for scene in scenes]


def _show(options: argparse.Namespace, judged: Sequence[Judged], vad: str) -> None:
    from voicekit_scenes.picture import picture
    from voicekit_scenes.shown import as_json, by_scene, table

    file, path = options.json, options.picture
    figures = json.dumps({"vad": vad, **as_json(judged)}, indent=1)
    if file == "-":
        print(figures)
    else:
        print(table({vad: judged}))
        if options.scenes:
            print(f"\n{by_scene({vad: judged})}")
    if file not in (None, "-"):
        Path(file).write_text(figures + "\n", encoding="utf-8")
    if path is not None:
        path.write_text(picture(judged, f"voicekit scenes, {vad}"), encoding="utf-8")
