"""The checks, a file for those that belong together. Each is found where it lies (battery.py)."""
