"""Real parts, which the tests start by themselves."""
