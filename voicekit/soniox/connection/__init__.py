"""The websocket connections to Soniox: keys, proxies, transports, and the shell that reads and writes."""
