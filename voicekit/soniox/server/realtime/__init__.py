"""The service's side of both websocket protocols. Pure."""
