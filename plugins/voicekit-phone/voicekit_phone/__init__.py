"""Telephone carriers: the protocols of their media streams, without a socket, both sides of each."""
