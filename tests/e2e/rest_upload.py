"""A program that uploads a file and prints by how much it grew.

python rest_upload.py ADDRESS KEY FILE
"""

from __future__ import annotations

import json
import resource
import sys

import trio

from voicekit.soniox.region import Endpoints
from voicekit.soniox.rest import SonioxClient


async def main(address: str, key: str, path: str) -> None:
    steps = 0

    def count(sent: int, size: int | None) -> None:
        nonlocal steps
        steps += 1

    async with SonioxClient(key, endpoints=Endpoints.find(rest=address)) as soniox:
        await soniox.files.count()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        file = await soniox.files.upload(path, progress=count)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps({"size": file.size, "steps": steps, "grown": grown}))


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
