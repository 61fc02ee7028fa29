"""A program that uploads a file and prints how much memory it held at most while it did.

python rest_upload.py ADDRESS KEY FILE
"""

from __future__ import annotations

import json
import sys
import tracemalloc

import trio

from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.rest import SonioxClient


async def main(address: str, key: str, path: str) -> None:
    steps = 0

    def count(sent: int, size: int | None) -> None:
        nonlocal steps
        steps += 1

    async with SonioxClient(key, endpoints=Endpoints.find(rest=address)) as soniox:
        await soniox.files.count()
        tracemalloc.start()
        file = await soniox.files.upload(path, progress=count)
        _, held = tracemalloc.get_traced_memory()
    print(json.dumps({"size": file.size, "steps": steps, "held": held}))


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
