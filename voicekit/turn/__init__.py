"""JUDGEMENT: decides whose turn it is."""
