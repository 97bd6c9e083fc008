"""The battery for clients: HTTP and TLS, one-shot commands and libraries behind a driver.

    inquiry   the subcommand, to its exit code       encounter   one check on one client
    hearing   a trial, from start to evidence        turncoat    the server that misbehaves
    subject   the client and all that it started     surroundings  names, and the lab's CA
    oneshot   one run per behaviour                  driver      one process, one line per request
    vigil     a client that is not done              outcome     the result of a request
    yardstick  what success looks like
    ruling    from measurements to verdicts              checks/     one file for those that belong together
"""

from linger.check.battery import Battery

BATTERY = Battery("linger.check.client.checks", "The server", "client", "linger check-client")
check = BATTERY.check  # the decorator
