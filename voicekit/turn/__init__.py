"""JUDGEMENT: whose turn is it."""
