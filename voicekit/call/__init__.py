"""Calls: a source and a sink on one connection, what is known about the caller, and many calls side by side.

    info          who is calling, how far that can be trusted, and why a call ended
    wire          the contracts for a wire's protocol (pure) and the connection below it
    json_object   parses a text message of a wire as a JSON object (pure)
    played        how much of the audio that was sent has been heard (pure)
    connection    the driver: one reader that never stops reading, one writer that does all the sending
    desk          admission, one nursery per call, drain

A carrier's protocol is a `Wire`, which deals in messages and needs no socket. `open_call(stream, wire)` yields a
`Call`.
"""
