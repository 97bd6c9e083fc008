"""The battery for clients of any protocol: a relay that strikes, in front of a real backend.

    client 10.0.0.1 ──veth── 10.0.0.2 turncoat ── backend

Nothing here knows a protocol, and nothing is replayed.

    errand    the subcommand, to its exit code     acquaintance  a good exchange, and what kind it is
    stage     one check on one client              middle        turncoat as a relay
    meetings  strikes at each message              exchange      messages, and where to strike
    phases    good, faulty, good again             pulse         what a program does meanwhile
    proof     strikes, by the packets              judgement     from measures to verdicts
    checks/   one file for those that belong together
"""

from linger.check.battery import Battery

BATTERY = Battery("linger.check.relay.checks", "The server", "client", "linger check-client")
check = BATTERY.check  # the decorator
