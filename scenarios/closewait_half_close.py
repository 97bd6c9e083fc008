"""closewait-half-close: CLOSE_WAIT is also a state to work in, and not always a leak.

   client                        server
     hello, shutdown(SHUT_WR) ─>   recv() = 0: CLOSE_WAIT, for as long as the work takes
     FIN_WAIT2               <──   100,000 bytes, sent in CLOSE_WAIT
     recv() = 0              <──   close(): FIN; LAST_ACK, gone

condition: the server goes on sending after the client's FIN. control: it takes the FIN for an
abort and closes at once, so the client gets nothing.

The end that receives the first FIN may send until it closes (RFC 9293 section 3.6, case 2): the
FIN ends one direction. So CLOSE_WAITs that come and go mean a healthy server with half-closing
clients; a CLOSE_WAIT that stays is the leak. An alarm on any count above zero is wrong, and a cron
job with `ss -K` cuts off clients that still wait for their answers: ask for persistence
(`census --until 'CLOSE_WAIT > 100' --hold 10s`).
"""

from linger import connections, scenario

N = connections(20)
WORK = 100_000  # bytes

EXPECT = {"condition": {"bytes": N * WORK}, "control": {"bytes": 0}}
THEN = {"condition": f"fill:{WORK} fin", "control": "fin"}


@scenario(claims=["cw-lets-finish-sending"], variants=("condition", "control"))
def test_closewait_half_close(lab, variant):
    actions = f"listen accept recv:6 send:hello drain await {THEN[variant]} stay"
    server = lab.peer(actions, connections=N, at="server")
    client = lab.peer("connect send:hello recv:6 half drain fin", connections=N)
    lab.happened_event(server, "await")
    lab.happened(server, CLOSE_WAIT=N, hold=0.2)  # working, with no time limit
    server.go()
    client.wait()
    lab.happened_event(client, "done", action="drain", count=N)  # a clean end in either case
    lab.happened(server, CLOSE_WAIT=0, descriptors=0)  # and nothing is left
    lab.expect_values(EXPECT[variant], {"bytes": int(client.events("done")[4]["bytes"])})
