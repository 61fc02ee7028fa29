"""`voicekit voices`: lists the voices of a model, and your own."""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.cli.cloud import parser_of, with_client, write_json, write_table
from voicekit.soniox.api.limits import TTS_MODEL
from voicekit.soniox.rest import SonioxClient
from voicekit.soniox.rest.http.rest_limits import AGES, GENDERS
from voicekit.soniox.rest.schema.requests import SharedVoicesQuery

HELP = "list the available voices"


def main(arguments: Sequence[str]) -> int:
    """Print the shared voices that match the options, or your own voices."""
    parser = parser_of("voices", HELP)
    parser.add_argument("--own", action="store_true", help="list your own voices instead of the shared ones")
    parser.add_argument("--model", default=TTS_MODEL, metavar="ID", help="list voices of this model (%(default)s)")
    parser.add_argument("--gender", choices=GENDERS, help="list only voices of this gender")
    parser.add_argument("--age", choices=AGES, help="list only voices of this age")
    parser.add_argument("--accent", metavar="NAME", help="list only voices with this accent")
    parser.add_argument(
        "--use-case", action="append", metavar="TAG", help="list only voices for this use; may be repeated"
    )
    parser.add_argument(
        "--style", action="append", metavar="TAG", help="list only voices in this style; may be repeated"
    )
    options = parser.parse_args(arguments)
    query = SharedVoicesQuery(
        model=options.model,
        gender=options.gender,
        age=options.age,
        accent=options.accent,
        use_case=tuple(options.use_case) if options.use_case else None,
        style=tuple(options.style) if options.style else None,
    )

    async def show(soniox: SonioxClient) -> int:
        if options.own:
            await _own(soniox, options.json)
        else:
            await _shared(soniox, query, options.json)
        return 0

    return with_client(options.region, show)


async def _own(soniox: SonioxClient, json: bool) -> None:
    voices = [voice async for voice in soniox.voices.list()]
    if json:
        write_json(voices)
        return
    rows = [(one.id, one.name, ", ".join(f"{model.model}: {model.status}" for model in one.models)) for one in voices]
    write_table(("VOICE", "NAME", "MODELS"), rows)


async def _shared(soniox: SonioxClient, query: SharedVoicesQuery, json: bool) -> None:
    voices = [voice async for voice in soniox.voices.shared(query)]
    if json:
        write_json(voices)
        return
    rows = [(one.id, one.gender, one.age, one.accent, ", ".join((*one.use_case, *one.style)), one.description)
            for one in voices]  # fmt: skip
    write_table(("VOICE", "GENDER", "AGE", "ACCENT", "TAGS", "DESCRIPTION"), rows)
