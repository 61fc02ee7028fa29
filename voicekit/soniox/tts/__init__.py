"""Realtime speech: the protocol's client side, streams planned over a long reply, and the stage."""
