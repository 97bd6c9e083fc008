"""last-ack-descriptor: LAST_ACK holds no descriptor, if close() led to it.

   client                            server: CLOSE_WAIT
             × <── FIN                 close()             LAST_ACK, no descriptor
             × <── FIN                 shutdown(SHUT_WR)   LAST_ACK, descriptor held

condition: close(). control: shutdown(). Every FIN of the server is lost at the client, so LAST_ACK
stays and can be counted.

The state belongs to the connection, the descriptor to the program. After close() the kernel alone
retransmits the FIN and waits for the ACK (RFC 9293 section 3.6; the census says "orphan", ss shows
no process), even when the process is killed. shutdown(2) sends the same FIN and frees nothing. So
"LAST_ACK occupies no descriptor" holds under a condition: that the program closed. Many orphans in
LAST_ACK are a network problem; tcp_orphan_retries says how often the kernel tries.
"""

from linger import connections, scenario
from linger.lab.faults import drop

N = connections(50)

EXPECT = {
    "condition": {"descriptors": 0, "LAST_ACK.orphan": N, "LAST_ACK.owned": 0},
    "control": {"descriptors": N, "LAST_ACK.orphan": 0, "LAST_ACK.owned": N},
}
END = {"condition": "fin", "control": "half"}


@scenario(
    claims=["last-ack-no-descriptor"], variants=("condition", "control"), held={"condition": 0, "control": N}
)
def test_last_ack_descriptor(lab, variant):
    lost = drop(lab.hosts["client"], "fin")
    actions = f"listen accept recv:6 send:hello drain {END[variant]} stay"
    server = lab.peer(actions, connections=N, at="server")
    lab.peer("connect send:hello recv:6 fin", connections=N).wait()
    lab.happened_event(server, "stay")
    lab.happened_fault(lost, f">= {N}")
    lab.happened(server, LAST_ACK=N)
    lab.expect(server, EXPECT[variant])
