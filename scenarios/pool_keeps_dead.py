"""pool-keeps-dead: a connection pool finds out only at checkout that its connections are dead.

   pool in the client                     server, closes what is idle
     [1] CLOSE_WAIT <------ FIN ------------ |
     [2] CLOSE_WAIT <------ FIN ------------ |
     [3] request ---> stale! ---> new [3] -> |   and soon: [3] CLOSE_WAIT <--- FIN

A burst fills the pool; then one request at a time takes the connection used last. The pool tests it
first, so every request is served and no test complains. But what lies below is never taken, nor
closed: CLOSE_WAIT (RFC 9293 section 3.6, case 2) for as long as the program runs. redis-py#306 and
urllib3#2100 report it. The cure is to listen to idle connections too: they become readable when
the FIN comes (poll(2)), and that is the time to close them. An idle limit shorter than the server's
keeps most of them from getting there.
"""

from linger import connections, scenario

N = connections(20)

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "descriptors": N},
    "fixed": {"CLOSE_WAIT": 0, "descriptors": 0},
}
BURST = N + 1  # the last of them is found to be stale, and gives way to a new one


@scenario(claims=["cw-pool-checkout-too-late"])
def test_pool_keeps_dead(lab, variant):
    server = lab.server("echo", "", "-t", "0.01")
    pool = lab.client("pool_keeps_dead", variant, connections=BURST)
    lab.happened_event(pool, "answer", BURST)
    lab.happened_event(server, "close", BURST, why="idle")
    lab.happened(server, FIN_WAIT1=0)  # every FIN has arrived at the client
    pool.go()  # one request more: answered, on a new connection, which is closed in its turn
    lab.happened_event(pool, "answer", BURST + 1)
    lab.happened_event(server, "close", BURST + 1, why="idle")
    server.kill()
    lab.peer("listen accept recv:6 send:hello recv:6 fin", at="server")
    pool.go()
    lab.happened_event(pool, "answer", BURST + 2)
    pool.go()  # the same connection: alive when it is taken, and ended instead of an answer
    lab.happened_event(pool, "error", 1)
    lab.expect(pool, EXPECT[variant])
