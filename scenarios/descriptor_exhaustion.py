"""descriptor-exhaustion: rogue clients use up a server's descriptors one bad request at a time.

   59 rogues ── rubbish, FIN ──> server, RLIMIT_NOFILE 64: 59 leaked, 5 of its own
   1 guest   ── hello ─────────> accept queue ──X accept() -1 EMFILE

The path that refuses a bad request forgets close(). The rogue leaves, and the server keeps a
CLOSE_WAIT (RFC 9293 section 3.6, case 2) and a descriptor. It costs the attacker nothing: one
connection at a time, at any pace, will do. At the limit accept() fails with EMFILE (accept(2)), and
the next guest, connected by the kernel, waits in the queue for an answer that never comes. The
limit is the process's own: a neighbour on the same host still serves.
"""

from linger import connections, scenario

N = connections(59)
LIMIT = N + 5  # stdin, stdout, stderr, the listener, epoll

EXPECT = {
    "buggy": {
        "server": {"CLOSE_WAIT": N, "descriptors": N, "accept_queue": 1},
        "guest": {"accept": "EMFILE", "answers": 0},
    },
    "fixed": {
        "server": {"CLOSE_WAIT": 0, "descriptors": 0, "accept_queue": 0},
        "guest": {"accept": "-", "answers": 1},
    },
}


@scenario(
    claims=[
        "cw-rogue-client-exhausts",
        "cw-cause-missing-close",
        "cw-no-fd-limit",
        "cw-system-crashes",
    ]
)
def test_descriptor_exhaustion(lab, variant):
    server = lab.server("descriptor_exhaustion", variant, descriptors=LIMIT)
    lab.peer("connect hello send:rubbish recv:6 fin", connections=N).wait()
    lab.happened_event(server, "refuse", N)
    guest = lab.peer("connect hello fin")
    guest.said("done")  # connected, if only by the kernel
    lab.happened(server, ESTABLISHED=N + 1)
    lab.expect(server, EXPECT[variant]["server"])
    errors = [event["err"] for event in server.events("accept")]
    answers = [event for event in guest.events("done") if event["action"] == "hello"]
    found = {"accept": (errors or ["-"])[0], "answers": len(answers)}
    lab.expect_values(EXPECT[variant]["guest"], found, by="guest")
    lab.server("echo", "", "-p", "9001")  # the limit is per process: its neighbour serves
    neighbour = lab.peer("connect hello fin", port=9001)
    lab.happened_event(neighbour, "done", action="hello", count=1)
