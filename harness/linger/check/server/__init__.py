"""The battery for servers.

    command   the subcommand, to its exit code       trial     one check on one server
    attempt   a trial, from start to evidence        target    the server and all that it started
    scene     a started server, and its clients      ways      how clients reach its address
    request   what to ask a server                   crowd     the clients that misbehave
    dialogue  what is said before a request          connection, tls   one client of a crowd
    checks/   one file for those that belong together
"""

from linger.check.battery import Battery

BATTERY = Battery("linger.check.server.checks", "The clients", "server", "linger check")
check = BATTERY.check  # the decorator
