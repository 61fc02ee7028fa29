"""The plugin "echo": provides the handler "echo"."""

from voicekit import hookimpl
from voicekit.extend import Registry


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.handler("echo", "voicekit_echo.handler:Echo")
