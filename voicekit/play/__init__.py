"""Mouth, second half: sound -> air. Sinks, and the playout that knows what was heard."""
