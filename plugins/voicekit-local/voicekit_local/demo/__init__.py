"""The demo: one call with a caller from files, a bot of rules, and everything between them real."""
