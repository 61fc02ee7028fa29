"""The websocket connections to Soniox: keys, proxies, transports, and the tasks that read and write."""
