"""Realtime transcription: the client side of the protocol, the replay after a lost connection, and the stage."""
