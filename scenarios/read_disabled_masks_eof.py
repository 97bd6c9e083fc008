"""read-disabled-masks-eof: a server that stops reading does not see the client leave.

   client                      server
     | -- a job -------------> |  bufferevent_disable(EV_READ), the job begins
     | -- FIN ---------------> |  CLOSE_WAIT, Recv-Q 1: it does not read, so it does not know
                               |  ... until the job ends, if it does

A libevent program hears of FIN and RST by reading, and hears nothing while EV_READ is disabled
(libevent#78, libevent#666). The socket is in CLOSE_WAIT (RFC 9293 section 3.6, case 2), and the
program works for nobody. The cure: keep reading into a bounded buffer, and let further lines wait
there. The end of a client that has filled the buffer still goes unnoticed: there only a time limit
on the job helps.

Beware of an EV_CLOSED event beside the disabled bufferevent: it hears the FIN, but with libevent
2.1.12 on epoll a RST then makes the loop spin on a whole CPU, because EPOLLERR is passed on as
EV_READ and EV_WRITE, which nobody has asked for.
"""

from linger import connections, scenario

N = connections(100)

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "CLOSE_WAIT.unread": N, "descriptors": N + 1},  # for 60 s
    "fixed": {"CLOSE_WAIT": 0, "CLOSE_WAIT.unread": 0, "descriptors": 1},
}


@scenario(claims=["cw-cause-missing-close", "cw-read-disabled"], held=1)
def test_read_disabled_masks_eof(lab, variant):
    lab.server("read_disabled_masks_eof", variant, "-t", "0.02", "-p", "9001")
    brief = lab.peer("connect hello send:work send:work recv:10 fin", port=9001)
    lab.happened_event(brief, "done", action="recv", count=1)  # jobs that end are answered, in turn
    greedy = lab.peer("connect fill:4096 drain", port=9001)
    lab.happened_event(greedy, "done", action="drain", count=1)  # a line without end is refused
    server = lab.server("read_disabled_masks_eof", variant, "-t", "60")
    lab.peer("connect hello send:work recv:5 fin")  # stays until its job is done
    client = lab.peer("connect hello send:work await fin", connections=N)
    lab.happened_event(server, "job", N + 1)  # each job runs, and its client is still there
    client.go()
    client.wait()
    lab.expect(server, EXPECT[variant])
