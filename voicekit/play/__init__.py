"""Audio on its way to the caller: sinks, and the playout that tracks what has been heard."""
