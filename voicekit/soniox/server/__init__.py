"""The service's side of both protocols, without a socket, a clock or an engine.

`realtime.stt.SttServer` and `realtime.tts.TtsServer` each handle one connection: they read the client's messages, check
them against the tables, limits and timers, and return the requests for the engine. An engine, or a script, passes in
results and sound, and they return what to send. `account.Account` is what connections share: keys and limits.
"""
