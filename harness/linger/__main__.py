"""Started by build/linger: what touches the network inside the sandbox, the rest outside."""

import gc
import os

# Most of what is made while modules are loaded is there to stay: looking through it again and again
# takes a tenth of the start.
gc.set_threshold(100_000)

from linger.cli.main import main  # noqa: E402

# All is written and what was started has ended. Python would take a fifth of the start once more to
# put away its modules; and Python ends by SIGINT if an exec() was interrupted, whatever became
# of it.
os._exit(main())
