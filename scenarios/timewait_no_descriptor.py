"""timewait-no-descriptor: two thousand TIME_WAITs do not cost a process a single descriptor.

   client, ulimit -n 64                                 its host, in the end
     condition: connect(), talk, close(), 2000 times      2000 x TIME_WAIT, 0 descriptors
     control:   connect(), talk, 50 times                 50 x ESTABLISHED, 50 descriptors

close() gives the descriptor back at once (close(2)). What then waits in TIME_WAIT is a small kernel
record: 256 bytes (tw_sock_TCP in /proc/slabinfo of Linux 6.18), and one more for the port at the
side that connected; no buffers, no inode, no owner and no place in RLIMIT_NOFILE. So
TIME_WAITs never lead to EMFILE; and killing the program does not remove them: they belong to
nobody, and outlive it. (The killed control leaves 50 of them: the kernel closes what a dead process
held.) Descriptors are held by connections that are still open, as in the control, or forgotten, as
in closewait-leak.
"""

from linger import connections, scenario

N = connections(50)
ROUNDS = 40

ACTIONS = {
    "condition": "connect hello fin " * ROUNDS + "stay",
    "control": "connect hello stay",
}
EXPECT = {
    "condition": (
        {"TIME_WAIT": N * ROUNDS, "descriptors": 0},
        {"with buffers": 0},
        {"TIME_WAIT": N * ROUNDS},
    ),
    "control": ({"TIME_WAIT": 0, "descriptors": N}, {"with buffers": N}, {"TIME_WAIT": N}),
}


@scenario(
    claims=["tw-descriptor", "tw-costs-memory", "tw-long-cost"], variants=("condition", "control")
)
def test_timewait_no_descriptor(lab, variant):
    alive, buffers, killed = EXPECT[variant]
    server = lab.server("timewait_owner", "fixed")  # it leaves the close to the client
    crowd = lab.peer(ACTIONS[variant], connections=N, descriptors=N + 14)
    lab.happened_event(crowd, "stay")
    lab.happened(server, ESTABLISHED=f">= {N}")
    lab.expect(crowd, alive)
    rows = crowd.host.run("ss", "-Htanm").splitlines()  # the memory that a socket may use
    measured = {"with buffers": sum("skmem:" in row for row in rows)}
    lab.expect_values(buffers, measured, by="client")
    crowd.kill()
    lab.happened_value("client", "crowd runs", lambda: int(crowd.running), 0)
    lab.expect(crowd, killed)
