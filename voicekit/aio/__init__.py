"""asyncio and voicekit in one process: either can call the other. Each event loop has its own thread.

asyncio code inside voicekit: one asyncio loop per process, in a thread that starts on first use.

    @voicekit.aio.handler                         an asyncio function (turn, say) or async generator as the handler
    await voicekit.aio.call(function, *args)      one asyncio function, called from trio
    async with voicekit.aio.iterate(tokens) as …  an asyncio iterator, read in trio

voicekit inside an asyncio program, such as a FastAPI app: calls run on trio in a thread beside the app's loop.

    async with voicekit.aio.Host() as host:       in the app's lifespan
        await host.run(make_session, host.wire(websocket))

    loop.py       the asyncio loop in its thread; orphans: tasks that ignored their cancellation
    job.py        one asyncio task as trio sees it: its outcome, its cancellation
    stream.py     items from an asyncio task to trio, with backpressure
    turns.py      a turn and its call as an asyncio handler sees them
    handling.py   `handler`, `call` and `iterate`
    host.py       trio in a thread beside an asyncio program
    socket.py     an asyncio program's websocket as the connection of a call
    plain_wire.py plain audio in both directions, for your own websocket
"""

from voicekit.aio.handling import call, handler, iterate
from voicekit.aio.host import Host
from voicekit.aio.loop import orphans
from voicekit.aio.plain_wire import PlainWire
from voicekit.aio.socket import HostedWire

__all__ = ["Host", "HostedWire", "PlainWire", "call", "handler", "iterate", "orphans"]
