"""Decides whose turn it is."""
