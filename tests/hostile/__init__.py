"""Peers that send what they must not."""
