"""linger check: judge how any server, or any client, ends its TCP connections.

    client 10.0.0.1 ──veth── 10.0.0.2 server

Each check starts the program anew in a lab of its own, lets the other side do one thing to it, and
measures what that leaves behind. server/ has the battery for servers; a battery for another kind of
program is another room like it. Both use:

    battery   a register of checks            course    a run of checks, from options to exit code
    schedule  many trials at the same time    record    what a trial leaves in its folder
    measure   what a program still holds      output    table, paragraphs
    finding   words, findings, known verdicts reports   JSON, JUnit, KTAP
"""

PATIENCE = 75.0  # s: what is not let go by then is a leak; many time-outs are a minute
