"""The service's side of both protocols, without a socket, a clock or an engine.

`stt.SttServer` and `tts.TtsServer` each keep one connection: they read the client's messages, hold them against the
tables, limits and timers, and say what was asked for; whoever has an engine (or a script) hands them results and sound,
and they say what to send. `account.Account` is what connections share: keys and limits.
"""
