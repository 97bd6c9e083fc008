"""half-close-relay: a relay passes on one FIN and waits forever for the second.

   client               relay                       backend that forgets close()
     FIN  ────────>  CLOSE_WAIT
                     shutdown(SHUT_WR)  ── FIN ──>  CLOSE_WAIT
   FIN_WAIT2         FIN_WAIT2          <── ACK ──  ... and nothing more

A FIN ends one direction only (RFC 9293 section 3.6), so the relay rightly passes it on and leaves
the other direction open. But then each of its connections depends on somebody else's bug: a socket
in CLOSE_WAIT and one in FIN_WAIT2, two descriptors, and no timer in the kernel for either of them.
kube-proxy held 14,000 such FIN_WAIT2 on one node (kubernetes#18354). The cure is a limit that
begins with the first FIN. It applies to silence, so that a long answer may still come.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "FIN_WAIT2": N, "descriptors": 2 * N + 2},
    "fixed": {"CLOSE_WAIT": 0, "FIN_WAIT2": 0, "descriptors": 2},  # of the client that has not ended
}


@scenario(claims=["cw-relay-half-close"], held=2)
def test_half_close_relay(lab, variant):
    home = lab.hosts["client"].address  # of the backend: only the relay runs on "server"
    lab.hosts["server"].sysctl(tcp_fin_timeout=1)  # no help
    lab.start("client", "servers/echo", "-l", home, "-p", "9002").said("ready")
    lab.server("half_close_relay", variant, "-p", "9003", "-t", "60", home, "9002")
    whole = lab.peer("connect send:hello half recv:6 drain", port=9003)
    lab.happened_event(whole, "done", action="drain", count=1)  # both ends are passed on
    backend = lab.start("client", "servers/closewait_leak_buggy", "-l", home, "-p", "9001")
    backend.said("ready")
    relay = lab.server("half_close_relay", variant, "-t", "1", home, "9001")
    quiet = lab.peer("connect hello stay")  # it may be: there was no FIN
    lab.happened_event(quiet, "stay")
    backend.freeze()  # so that every FIN comes before its answer
    client = lab.peer("connect send:hello half recv:6 stay", connections=N)
    lab.happened_event(relay, "half", N)
    lab.happened(backend, accept_queue=N)  # and it has not begun to answer
    backend.thaw()
    lab.happened_event(client, "done", action="recv", count=N)  # and each answer still comes
    lab.happened(backend, CLOSE_WAIT=N)  # the FIN came through, and it does not close
    lab.expect(relay, EXPECT[variant], within=6, hold=1.3)  # longer than both
