"""Wires: what each side sends and reads, against the other side and against clients that others wrote."""
