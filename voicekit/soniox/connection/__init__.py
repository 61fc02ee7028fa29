"""One websocket to Soniox: transports, the shell that reads and writes, keys, the wire log."""
