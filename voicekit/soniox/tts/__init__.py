"""Realtime speech: the client side of the protocol, the planning of streams for a reply, and the stage."""
