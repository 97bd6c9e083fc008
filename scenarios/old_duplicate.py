"""old-duplicate: a late segment of an old connection is read as data of a new one.

   old connection  ... 34 MB ... [ old ] ───── is late ────────────┐
   closed, no TIME_WAIT                                            │
   new connection  ... same ports, up to the same numbers ...      └──> [ old ]  read
                                                  [ new ] ──>  discarded as a duplicate

Only addresses, ports and sequence numbers identify a segment. A connection of more than
15.6 MB/s outruns the clock from which Linux takes initial sequence numbers (initial-sequence); its
successor on the same ports passes the same numbers again, and there a late segment fits. The server
reads the old record; the new one has the same numbers, so it is acknowledged and discarded.
TIME_WAIT blocks the ports while old segments may still arrive (RFC 9293, section 3.6.1). Timestamps
distinguish old from new (PAWS, RFC 7323, section 5): here tcp_timestamps is 0, in the control 1.

Each line of the table is one way to end the old connection, and what the server then read, if
anything.
"""

import errno

from linger import connections, scenario
from linger.lab.faults import watch
from linger.lab.recorder import RECORD, Writer

N = connections(1)

ENDS = {  # who closed first, and the sysctls of both hosts
    "SO_LINGER {1, 0}": ("reset", {}),
    "tcp_max_tw_buckets=0": ("client", {"tcp_max_tw_buckets": 0}),
    "TIME_WAIT at the client": ("client", {}),
    "at the server, tcp_rfc1337=0": ("server", {"tcp_rfc1337": 0}),
    "at the server, tcp_rfc1337=1": ("server", {}),
}
READ = ["old", "old", "EADDRNOTAVAIL", "old", "ETIMEDOUT"]
EXPECT = {
    "condition": (dict(zip(ENDS, READ)), {"PAWSEstab": 0}),
    "control": (dict.fromkeys(ENDS, "new"), {"PAWSEstab": f">= {len(ENDS)}"}),
}
NORMAL = {"tcp_rfc1337": 1, "tcp_max_tw_buckets": 99}


def read_afterwards(lab, recorder, port, first):
    client, server = lab.hosts["client"], lab.hosts["server"]
    closing = "ss -Htn exclude time-wait".split()
    old = Writer(client, port, server)
    old.outrun(seconds=2)
    late = lab.capture("client", f"to text:old bytes:{RECORD} port:{port}")
    begun = lab.capture("client", f"from flags:syn,ack port:{port}")
    old.outrun(seconds=2)
    old.write("old")
    [segment] = late.taken()
    ends = len(recorder.events("end"))
    old.end(first)
    recorder.said("end", ends + 1)
    lab.happened_value(
        "client", "connections not closed", lambda: client.run(*closing).count("\n"), 0
    )
    try:
        new = Writer(client, port, server)
    except OSError as error:
        return errno.errorcode[error.errno]
    new.meet(segment, begun.taken()[0])
    known = len(recorder.events("record"))
    arrived = watch(server, f"tcp sequence {segment['seq']} meta length >= {RECORD}")
    late.replay()
    lab.happened_fault(arrived, 1)
    new.write("new")
    new.end("client")
    recorder.said("end", ends + 2)
    return " ".join(event["word"] for event in recorder.events("record")[known:])


@scenario(claims=["tw-old-duplicates", "tw-stale-harmless"], variants=("condition", "control"))
def test_old_duplicate(lab, variant):
    read, refused = EXPECT[variant]
    recorder = lab.server("recorder")
    found = {}
    for port, (ending, (first, sysctls)) in enumerate(ENDS.items(), 40000):
        for host in lab.hosts.values():
            host.sysctl(tcp_timestamps=int(variant == "control"), **{**NORMAL, **sysctls})
        found[ending] = read_afterwards(lab, recorder, port, first)
    lab.expect_values(read, found, by="server")
    lab.expect(recorder, refused)
