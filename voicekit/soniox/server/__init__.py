"""The service's side of the realtime protocols and the REST API, without a socket, a clock or an engine.

`realtime.stt.SttServer` and `realtime.tts.TtsServer` each handle one connection. They read the client's messages, check
them against the tables, limits and timers, and return requests for the engine. An engine, or a script, passes results
and audio to the servers, which return the messages to send. `account.Account` holds the keys and limits that all
connections share.
"""
