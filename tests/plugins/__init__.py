"""How plugins are found, installed and asked."""
