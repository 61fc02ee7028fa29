"""The wire over real HTTP, against a stand-in that speaks it."""

from tests.llm_wire_checks import *  # noqa: F403  # each test of there, with the `make` of here
