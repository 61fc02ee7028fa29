"""The demo: one call with a recorded caller and a bot of rules; everything between them is real."""
