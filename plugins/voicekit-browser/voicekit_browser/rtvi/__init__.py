"""RTVI, the protocol of the pipecat clients (JavaScript, React, iOS, Android), over their WebSocket transport.

    protobuf    the four kinds of frame, encoded and decoded without a library (pure)
    messages    the envelope and the versions (pure)
    wire        `RtviWire`, our side, and `RtviPeer`, a client for tests (pure)
    shown       the events of its session that a client gets
    transport   the route /rtvi

These clients can't drop audio that they have received. Therefore we never send audio more than LEAD_S before it is
played, so that at most LEAD_S of it is heard after a cut.
"""
