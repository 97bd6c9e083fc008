"""Started by build/linger: what touches the network inside the sandbox, the rest outside."""

import os
import sys

from linger.cli.main import main

code = main()
if code > 128:  # `python -m` ends by SIGINT if an exec() was interrupted, whatever became of it
    os._exit(code)
sys.exit(code)
