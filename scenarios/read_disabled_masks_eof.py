"""read-disabled-masks-eof: a server that stops reading does not see the client leave.

   client                      server
     | -- a job -------------> |  bufferevent_disable(EV_READ), the job begins
     | -- FIN ---------------> |  CLOSE_WAIT, Recv-Q 1: it does not read, so it does not know
                               |  ... until the job ends, if it does

A libevent program learns of FIN and RST by reading, and learns nothing while EV_READ is disabled
(libevent#78, libevent#794). The socket is in CLOSE_WAIT (RFC 9293 section 3.6, case 2), and the
program works for nobody. The cure: keep reading into a bounded buffer, let further lines wait
there, and stop only when it is full. The end of a client that has filled the buffer still goes
unnoticed: there only a time limit on the job helps.

Beware of two things that make libevent 2.1.12 spin on a whole CPU. An EV_CLOSED event beside the
disabled bufferevent reports the FIN, but on a RST epoll's EPOLLERR is passed on as EV_READ and
EV_WRITE, which nobody has asked for. And a read callback that leaves the input at its high watermark
is called again at once, for as long as EV_READ is enabled.
"""

from linger import connections, scenario

N = connections(100)
ROOM = 4096  # bytes of waiting requests that the server keeps
LONG = "x" * (ROOM - 1)  # and its newline: the longest line

EXPECT = {
    "buggy": {"CLOSE_WAIT": N, "CLOSE_WAIT.unread": N, "descriptors": N + 1},  # for 60 s
    "fixed": {"CLOSE_WAIT": 0, "CLOSE_WAIT.unread": 0, "descriptors": 1},
}


@scenario(claims=["cw-cause-missing-close", "cw-read-disabled"], held=1)
def test_read_disabled_masks_eof(lab, variant):
    lab.server("read_disabled_masks_eof", variant, "-t", "0.1", "-p", "9001")
    brief = lab.peer(f"connect hello send:work send:{LONG} recv:10 hello fin", port=9001)
    lab.happened_event(brief, "done", 2, action="hello", count=1)  # all are answered, in turn
    greedy = lab.peer(f"connect fill:{ROOM} drain", port=9001)
    lab.happened_event(greedy, "done", action="drain", count=1)  # an endless line is refused
    server = lab.server("read_disabled_masks_eof", variant, "-t", "60")
    # One client stays until its job is done, and has sent more than the server reads before that.
    stays = lab.peer(f"connect hello send:work fill:{5 * ROOM} recv:5 fin")
    lab.happened_event(stays, "done", action="fill", count=1)
    client = lab.peer("connect hello send:work await fin", connections=N)
    lab.happened_event(server, "job", N + 1)  # each job runs, and its client is still there
    client.go()
    client.wait()
    lab.expect(server, EXPECT[variant])
    lab.happened_value("server", "unread bytes", lab.hosts["server"].unread, f">= {3 * ROOM}")
