"""`voicekit key`: creates a temporary API key, for trying out a client such as a browser."""

from __future__ import annotations

from collections.abc import Sequence

from voicekit.cli.cloud import parser_of, with_client, write_json
from voicekit.soniox.rest import KeyRequest, SonioxClient

HELP = "create a temporary API key"
USAGES = {"stt": "transcribe_websocket", "tts": "tts_rt"}


def main(arguments: Sequence[str]) -> int:
    """Create an API key, and print it on standard output without any other text."""
    parser = parser_of("key", HELP)
    parser.add_argument("usage", choices=USAGES, help="what the key may be used for")
    parser.add_argument(
        "--seconds", type=int, default=300, metavar="N", help="lifetime of the key in seconds (%(default)s)"
    )
    parser.add_argument(
        "--session", type=int, metavar="N", help="maximum length of a stream in seconds (default: no limit)"
    )
    parser.add_argument("--single-use", action="store_true", help="allow only one stream")
    parser.add_argument("--reference", metavar="TEXT", help="name of the key in the usage logs")
    options = parser.parse_args(arguments)
    request = KeyRequest(
        usage_type=USAGES[options.usage],
        expires_in_seconds=options.seconds,
        max_session_duration_seconds=options.session,
        single_use=options.single_use or None,
        client_reference_id=options.reference,
    )

    async def make(soniox: SonioxClient) -> int:
        key = await soniox.keys.create(request)
        if options.json:
            write_json(key)
        else:
            print(key.api_key)
        return 0

    return with_client(options.region, make)
