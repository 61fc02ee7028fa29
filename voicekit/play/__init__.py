"""Sound on its way to the caller: sinks, and the playout that knows what was heard."""
