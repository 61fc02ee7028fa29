"""The demo: a call between a recorded caller and a rule-based bot; everything between them is real."""
