"""Realtime transcription: the protocol's client side, replay after a loss, and the stage."""
