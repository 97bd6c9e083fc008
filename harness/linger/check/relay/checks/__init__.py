"""The checks, one file for those that belong together. battery.py finds them here."""
