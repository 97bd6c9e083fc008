"""worker-blocked: a handler waits for a backend that hangs, and the clients leave unnoticed.

   clients 10.0.0.1 ─────> server 10.0.0.2 ─────> backend 10.0.0.1, stopped (SIGSTOP)
     FIN, FIN, FIN ──>  CLOSE_WAIT, not read

The code closes where it should, and still fills up with CLOSE_WAIT: it does not get there. A
stopped process keeps its connections and its kernel keeps acknowledging, so recv() has no reason
ever to return (recv(2)). All clients of that worker are in CLOSE_WAIT with their last bytes unread
(Recv-Q is not 0), and newcomers wait in the listener's queue. xtdb#5850 shows this picture: some
11,300 CLOSE_WAITs, and no handler that answers; what occupied them was not found. The cure is a
limit on each wait for another program, and an error as the answer.
"""

from linger import connections, scenario

N = connections(10)

EXPECT = {
    "buggy": ({"CLOSE_WAIT": N, "CLOSE_WAIT.unread": N, "accept_queue": 1}, {"bytes": 0}),
    "fixed": (
        {"CLOSE_WAIT": 0, "CLOSE_WAIT.unread": 0, "accept_queue": 0},
        {"bytes": len("error\n")},
    ),
}


@scenario(claims=["cw-cause-missing-close", "cw-blocked-handler"], held=1)
def test_worker_blocked(lab, variant):
    left, told = EXPECT[variant]
    there = lab.hosts["client"].address
    leaves = "listen accept recv:5 fin".split()  # a backend that closes instead of answering
    lab.start("client", "clients/peer", "-l", there, "-p", "9001", *leaves).said("ready")
    lab.server("worker_blocked", variant, "-t", "5", "-p", "9001", there)
    told_at_once = lab.peer("connect send:work recv:6 fin", port=9001)
    lab.happened_event(told_at_once, "done", action="recv", bytes=6)
    backend = lab.start("client", "servers/echo", "-l", there)
    backend.said("ready")
    server = lab.server("worker_blocked", variant, "-t", "0.2", there)
    lab.peer("connect rst", connections=N).wait()  # the backend must not be asked for these
    clients = lab.peer("connect hello await send:work await fin", connections=N - 1)
    patient = lab.peer("connect hello await send:work await half drain")
    clients.said("await")  # each was answered
    patient.said("await")
    lab.happened(backend, PassiveOpens=1 + N)
    backend.freeze()
    clients.go()
    patient.go()
    lab.happened(backend, accept_queue=">= 1")  # the server has asked ...
    for crowd in (clients, patient):
        crowd.said("await", 2)
        crowd.go()
    clients.wait()
    patient.said("done", action="half")
    lab.peer("connect stay").said("stay")  # a newcomer
    lab.happened(server, ESTABLISHED=1 + 2 * N + 1)
    lab.expect(server, left, within=4)  # N limits, one after the other
    lab.happened(backend, accept_queue=">= 1")  # ... and the backend was silent all the time
    answers = [patient.said("done", action="drain")] if variant == "fixed" else []
    lab.expect_values(told, {"bytes": sum(int(answer["bytes"]) for answer in answers)})
