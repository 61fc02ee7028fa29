"""Recognisers and voices that run on this machine: one file per engine, behind `interface`."""
