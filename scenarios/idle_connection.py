"""idle-connection: clients connect and say nothing, and keepalive keeps them.

   client                          server, SO_KEEPALIVE with a time of 1 s, 1 probe
   SYN ... ESTABLISHED
                <──── probe ────   1 s of silence
                ───── ACK ─────>   it lives: for another second
                <──── probe ────   ...

Keepalive asks a kernel whether it still knows the connection (RFC 9293 section 3.8.4), and the
kernel answers for a program that hangs, waits or is hostile. It removes the dead, never the idle. A
server without its own limit keeps each of them, with a descriptor, until accept() fails: a
Slowloris attack needs no more. The cure is a time limit in the application, in libevent
bufferevent_set_timeouts(); where a request has a deadline, one for the whole request. The limit is
on silence: a client that keeps talking stays.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"ESTABLISHED": N + 1, "descriptors": N + 1},
    "fixed": {"ESTABLISHED": 1, "descriptors": 1},  # the one that talks
}


@scenario(claims=["ka-removes-idle", "ka-spares-the-idle"], held=1)
def test_idle_connection(lab, variant):
    lab.hosts["server"].sysctl(tcp_keepalive_time=1, tcp_keepalive_intvl=1, tcp_keepalive_probes=1)
    server = lab.server("idle_connection", variant, "-t", "3.5")
    talker = lab.peer("connect hello await hello await hello await hello stay")
    lab.peer("connect drain stay", connections=N)
    lab.happened(server, ESTABLISHED=N + 1)
    for probes in (1, 2, 3):
        lab.happened(server, TCPKeepAlive=f">= {probes * N}", within=4)  # all but the last: answered
        talker.go()  # so it is silent for 1 s, and at the end for less than 2 of the 3.5
        lab.happened_event(talker, "done", 1 + probes, action="hello")
    lab.expect(server, EXPECT[variant], within=5, hold=0.8)  # longer than is left of the 3.5 s
