"""inherited-fd: a server closes its connections, and a helper that it started keeps them open.

   client                   server                    helper (cat)
     hello      ───────>      answers
     job        ───────>      popen()      ──────>    starts, with every descriptor we hold
     FIN        ───────>      recv() = 0
                              close()                 holds the last reference
     waits for the server's FIN for as long as the helper lives

close() sends the FIN only when the last descriptor of the connection is closed (close(2)); fork(2)
copies them all and execve(2) keeps them, except those marked close-on-exec. So the server closes
everything and holds nothing, and the CLOSE_WAITs belong to a program that never used a socket.
Seen in OctoPrint#2035 (a restart found its port taken); the cure is accept4(SOCK_CLOEXEC), in
libevent LEV_OPT_CLOSE_ON_EXEC.
"""

from linger import connections, scenario
from linger.lab.process import descendants

N = connections(100)

EXPECT = {
    "buggy": (
        {"CLOSE_WAIT": N, "descriptors": N},
        {"holder": "cat"},  # not the server
        {"FIN_WAIT2": N},  # each client waits for an end that does not come
    ),
    "fixed": ({"CLOSE_WAIT": 0, "descriptors": 0}, {"holder": "nobody"}, {"FIN_WAIT2": 0}),
}


@scenario(claims=["cw-inherited-descriptor"], held=1)
def test_inherited_fd(lab, variant):
    left, holder, waiting = EXPECT[variant]
    server = lab.server("inherited_fd", variant)
    crowd = lab.peer("connect hello send:job recv:4 half drain stay", connections=N)
    lab.happened_event(server, "helper")  # it runs
    lab.happened_event(server, "close", N, n=0)  # and the server closed every connection
    lab.expect(server, left)
    owners = lab.snapshot["server"]["owners"]
    lab.expect_values(holder, {"holder": owners[0]["process"] if owners else "nobody"}, by="server")
    lab.expect(crowd, waiting)
    # The helper still runs.
    lab.happened_value("server", "helpers", lambda: len(descendants(server.pid)) - 1, 1)
