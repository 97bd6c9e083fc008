"""linger-zero-closewait: SO_LINGER {1, 0} does nothing to a CLOSE_WAIT until somebody closes.

   client                   server: recv() = 0, CLOSE_WAIT
     FIN_WAIT2                setsockopt(SO_LINGER {1, 0})     still CLOSE_WAIT
               <─── RST       close()                          gone

condition: the server sets the option, and no more. control: it also closes.

SO_LINGER says what close() shall do (socket(7)); it is no request to close. Setting it in a
program that forgets close() is no remedy for CLOSE_WAIT: the leak stays, socket and descriptor.
With close() the option does act: a RST instead of a FIN (RFC 9293 section 3.10.5, ABORT), and
whatever the peer has not yet received is lost (see linger-zero). A plain close() would have done.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "condition": {"CLOSE_WAIT": N, "descriptors": N, "OutRsts": 0},
    "control": {"CLOSE_WAIT": 0, "descriptors": 0, "OutRsts": N},
}
END = {"condition": "", "control": "fin"}


@scenario(claims=["cw-linger-zero-needs-close"], variants=("condition", "control"))
def test_linger_zero_closewait(lab, variant):
    actions = f"listen accept recv:6 send:hello drain await linger {END[variant]} stay"
    server = lab.peer(actions, connections=N, at="server")
    lab.peer("connect send:hello recv:6 fin", connections=N).wait()
    lab.heard(server, "await")
    lab.reached(server, CLOSE_WAIT=N)
    server.go()
    lab.heard(server, "stay")
    lab.heard(server, "done", action="linger", count=N)  # the option was set on each
    lab.settled(server, EXPECT[variant])
