"""linger check: judge how any server ends its TCP connections.

    client 10.0.0.1 ──veth── 10.0.0.2 the server under check

Each check starts the server anew in a lab of its own, lets N clients do one thing to it, and
measures what that leaves behind.

    command   the subcommand, to its exit code       battery   the register of checks
    schedule  many trials at the same time           trial     one check on one server
    target    the server and all that it started     checks/   one file for those that belong together
    request   what to ask a server                   verdict   words, findings, known verdicts
    client    the crowd that misbehaves              report    table, paragraphs, JUnit, TAP
    measure   what the server still holds
"""

PATIENCE = 75.0  # s: what is not let go by then is a leak; many time-outs are a minute
