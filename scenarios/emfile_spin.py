"""emfile-spin: a server at its descriptor limit calls accept() again and again, as fast as it can.

   clients ─────> listener's queue ──accept()──X  EMFILE, RLIMIT_NOFILE is 64
                        ^──── still readable ──┘

accept(2) fails with EMFILE and leaves the connection in the queue. The listener stays readable, a
level-triggered poll says so at once (epoll(7)), and the process spins on a whole CPU without
serving one more client. The cure is to leave the listener alone for a while: disable it in
the error callback and enable it by a timer, or when a connection has closed. libevent has the
calls and leaves the decision to the program (libevent#71; libuv#1189 is the same loop).
"""

from linger import connections, scenario

N = connections(100)
LIMIT = 64  # descriptors of the server, all of its own included

EXPECT = {
    "buggy": {"errors": ">= 256", "busy_percent": ">= 80"},  # all the time
    "fixed": {"errors": "<= 32", "busy_percent": "<= 60"},  # one every 100 ms
}


@scenario(claims=["fd-emfile-spin"])
def test_emfile_spin(lab, variant):
    server = lab.server("emfile_spin", variant, descriptors=LIMIT)
    guest = lab.peer("connect hello await" + 40 * " hello" + " fin")
    lab.happened_event(guest, "await")
    crowd = lab.peer("connect await fin", connections=LIMIT + N)
    lab.happened_event(server, "accept", err="EMFILE", errors=1)  # the limit was met
    lab.happened(server, ESTABLISHED=LIMIT + N + 1, accept_queue=f">= {N}")  # N and a few wait
    guest.go()  # a client accepted before is served all the time
    guest.wait()
    busy = server.busy()
    errors = int(server.events("accept")[-1]["errors"])
    lab.expect_values(EXPECT[variant], {"errors": errors, "busy_percent": busy}, by="server")
    crowd.go()
    lab.peer("connect hello fin").wait()  # both recover when the crowd has left
    lab.happened(server, ESTABLISHED=LIMIT + N + 2, accept_queue=0, descriptors=0)
