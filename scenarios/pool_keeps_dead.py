"""pool-keeps-dead: a connection pool finds out only at checkout that its connections are dead.

   pool in the client                     server, closes what is idle
     [1] CLOSE_WAIT <------ FIN ------------ |
     [2] CLOSE_WAIT <------ FIN ------------ |
     [3] request ---> stale! ---> new [3] -> |   and soon: [3] CLOSE_WAIT <--- FIN

A burst fills the pool; then one request at a time takes the connection used last. The pool tests it
first, so every request is served and no test complains. But what is below it is never taken and
never closed: CLOSE_WAIT (RFC 9293 section 3.6, case 2) for as long as the program runs.
redis-py#306 and urllib3#2100 report it. The cure is to watch idle connections too: they become
readable when the FIN comes (poll(2)), and that is the time to close them. An idle limit shorter
than the server's keeps most of them from reaching CLOSE_WAIT.
"""

from linger import connections, scenario
from linger.lab import waiting

N = connections(20)

EXPECT = {
    # Then a new one replaces a stale one, and ends too.
    "buggy": (
        {"CLOSE_WAIT": N, "descriptors": N},
        {"CLOSE_WAIT": N - 1, "descriptors": N - 1},
    ),
    "fixed": ({"CLOSE_WAIT": 0, "descriptors": 0}, {"CLOSE_WAIT": 0, "descriptors": 0}),
}


@scenario(claims=["cw-pool-checkout-too-late"])
def test_pool_keeps_dead(lab, variant):
    idle, failed = EXPECT[variant]
    server = lab.server("echo", "", "-t", "0.01")
    pool = lab.client("pool_keeps_dead", variant, connections=N)
    lab.happened_event(pool, "answer", N)  # the burst
    lab.happened_event(server, "close", N, why="idle")
    lab.happened(server, FIN_WAIT1=0)  # every FIN has arrived at the client
    pool.go()  # one more request, answered on a new connection, which is then closed too
    lab.happened_event(pool, "answer", N + 1)
    lab.happened_event(server, "close", N + 1, why="idle")
    lab.expect(pool, idle)
    server.kill()
    other = lab.peer(
        "listen accept recv:6 send:hello await fin accept recv:6 send:hello recv:6 fin", at="server"
    )
    pool.go()
    lab.happened_event(pool, "answer", N + 2)
    lab.happened_event(other, "await")
    pool.hear("a request, ", end="")  # while it reads that, it does not watch its connections
    lab.happened_value("client", "unread bytes of a request", lambda: waiting.unheard(pool.chain()), 0)
    other.go()
    lab.happened_event(other, "done", action="fin", count=1)
    pool.hear("whole now")  # dead when it is taken
    lab.happened_event(pool, "answer", N + 3)
    pool.go()  # the next one: alive when it is taken, and closed instead of answered
    lab.happened_event(pool, "error", 1)
    lab.expect(pool, failed)
