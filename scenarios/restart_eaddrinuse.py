"""restart-eaddrinuse: a server dies, and its port is in use by connections that it had closed.

   server  bind() port 9000, serves, closes first, is killed
           its host still has 100 x TIME_WAIT on port 9000
   server  bind() port 9000 = -1 EADDRINUSE

The port belongs to every socket that has it, bound, accepted or connected, TIME_WAIT included.
Linux lets a new socket share it if and only if both sides have SO_REUSEADDR (socket(7)), or both
have SO_REUSEPORT; accepted sockets inherit the option from the listener. So the server *before* the
restart must have set it, and the first deployment of the cure still fails once. restart-matrix has
the whole table.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"error": "EADDRINUSE", "answered": 0},
    "fixed": {"error": "-", "answered": 1},
}


@scenario(claims=["tw-reuse-client-only", "tw-reuseaddr-restart"])
def test_restart_eaddrinuse(lab, variant):
    lab.hosts["server"].sysctl(tcp_tw_reuse=1)  # no help: it is for connect()
    server = lab.server("restart_eaddrinuse", variant)
    lab.peer("connect hello drain fin", connections=N).wait()
    lab.happened(server, ESTABLISHED=N, TIME_WAIT=N)  # they have the port now
    server.kill()
    lab.happened(server, LISTEN=0)
    server = lab.start("server", f"servers/restart_eaddrinuse_{variant}")
    error = server.said("listen")["err"]
    # A SYN from the port of a TIME_WAIT would be answered by that, not refused.
    lab.hosts["client"].sysctl(ip_local_port_range="20000 29999")
    visitor = lab.peer("connect hello drain fin")
    lab.happened(visitor, ActiveOpens=N + 1)
    hello = visitor.said("done", 2)  # after "connect", whether that succeeded or not
    lab.expect_values(
        EXPECT[variant], {"error": error, "answered": int(hello["count"])}, by="server"
    )
