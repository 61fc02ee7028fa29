"""RTVI, the protocol of the pipecat clients (JavaScript, React, iOS, Android), over their WebSocket transport.

    protobuf    the four frames of their wire, without a dependency (pure)
    messages    the envelope and the versions (pure)
    wire        `RtviWire`, our side, and `RtviPeer`, a client for tests (pure)
    shown       the events that a client gets about its session
    transport   the route /rtvi

These clients can't drop sound that they have received. Therefore it is sent only LEAD_S ahead, and after a cut at most
that much still plays.
"""
