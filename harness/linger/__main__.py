"""Started by build/linger: what touches the network inside the sandbox, the rest outside."""

import sys

from linger.cli import main

sys.exit(main())
