"""Soniox: ears and a mouth over the vendor's realtime websockets.

The protocol lives in cores that know no socket and read no clock (`stt`, `tts`, `rotate`, `ring`, and `server` for the
other side); what waits stands around them.
"""
