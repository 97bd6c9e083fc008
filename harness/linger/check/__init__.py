"""linger check: judge how any server, or any client, ends its TCP connections.

    client 10.0.0.1 ──veth── 10.0.0.2 server

Each check starts the program anew in its own lab, lets the other side do one thing to it, and measures what is
left behind. server/ has the battery for servers; client/ and relay/ are built alike. All use:

    battery   a register of checks            course    a run of checks, from options to exit code
    schedule  many trials at the same time    record    what a trial writes into its folder
    measure   what a program still holds      output    table, paragraphs
    finding   words, findings                 reports   JSON, JUnit, KTAP
    known     the file of known verdicts
"""

PATIENCE = 75.0  # s: what is still held then is a leak; many timeouts are a minute
