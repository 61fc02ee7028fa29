"""The service's side of both protocols, without a socket, a clock or an engine.

`realtime.stt.SttServer` and `realtime.tts.TtsServer` each keep one connection: they read the client's messages, hold
them against the tables, limits and timers, and return what was asked for. An engine, or a script, gives them results
and sound, and they return what to send. `account.Account` is what connections share: keys and limits.
"""
