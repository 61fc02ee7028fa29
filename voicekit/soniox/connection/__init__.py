"""One websocket to Soniox: transports, proxies, the shell that reads and writes, keys."""
