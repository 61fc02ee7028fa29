"""RTVI, the dialect of the pipecat clients (JavaScript, React, iOS, Android), over their WebSocket transport.

    protobuf    the four frames of their wire, by hand: no dependency (pure)
    messages    the envelope and the versions (pure)
    wire        `RtviWire`, our side, and `RtviPeer`, a client for tests (pure)
    shown       what such a client is shown of its session
    transport   the route /rtvi

Their client drops nothing that it was sent, so sound is paced with LEAD_S, and a cut leaves at most that.
"""
