"""The demo: a call between a recorded caller and a bot made of rules; everything between them is real."""
