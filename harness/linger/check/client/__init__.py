"""The battery for clients: HTTP and TLS, one-shot commands and libraries behind a driver.

    inquiry   the subcommand, to its exit code       encounter   one check on one client
    hearing   a trial, from start to evidence        turncoat    the server that misbehaves
    subject   the client and all that it started     surroundings  names, and the lab's CA
    oneshot   a run for each behaviour               driver      one process, a line for each request
    vigil     a client that is not done              outcome     what became of a request
    yardstick  what a success looks like
    ruling    from measures to verdicts              checks/     one file for those that belong together
"""

from linger.check.battery import Battery

BATTERY = Battery("linger.check.client.checks", "The server", "client", "linger check-client")
check = BATTERY.check  # the decorator
