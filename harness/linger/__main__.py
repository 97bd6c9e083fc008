"""Started by build/linger: `linger run` and `linger test` inside the sandbox, the rest outside."""

import sys

from linger.cli import main

sys.exit(main())
