"""The subcommands of linger. Each module adds its own to the command line (cli/main.py)."""
