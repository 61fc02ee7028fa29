"""`voicekit models`: lists the service's models for recognition and speech, and what each can do."""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.cli.cloud import parser_of, with_client, write_json, write_table
from voicekit.soniox.rest import SonioxClient

HELP = "list Soniox's models"


def main(arguments: Sequence[str]) -> int:
    """Print the models for recognition and the models for speech."""
    options = parser_of("models", HELP).parse_args(arguments)

    async def show(soniox: SonioxClient) -> int:
        stt, tts = await soniox.models.stt(), await soniox.models.tts()
        if options.json:
            write_json({"stt": stt, "tts": tts})
            return 0
        rows = [(one.id, f"listens ({one.transcription_mode})", len(one.languages), one.name) for one in stt]
        rows += [(one.id, "speaks", len(one.languages), one.name) for one in tts]
        write_table(("MODEL", "DOES", "LANGUAGES", "NAME"), rows)
        return 0

    return with_client(options.region, show)
