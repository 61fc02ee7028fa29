"""Calls: a source and a sink on one connection, what is known of the caller, and many calls side by side.

    info          who calls, how far that can be believed, and why a call ended
    wire          the contract of a wire's protocol (pure) and of the connection below it
    json_object   a message of such a wire as the JSON object that it should be (pure)
    played        how much of what was sent has been heard (pure)
    connection    the driver: one reader that always drains, one writer that alone sends
    desk          admission, one nursery per call, drain

A carrier is a `Wire`: it has messages but no socket. `open_call(stream, wire)` makes a `Call` from it.
"""
