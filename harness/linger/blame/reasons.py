"""What was done with the sockets of a group, and one sentence on the rule it breaks.

It says what happened and where, never that a line lacks a close(): only the program knows what may still
close a connection. An ESTABLISHED connection is not called a leak.
"""

from __future__ import annotations

from typing import Any

READS = ("read", "readv", "recv", "recvmsg", "recvmmsg")
WAITED = "EAGAIN"  # from a blocking call: SO_RCVTIMEO or SO_SNDTIMEO ended it
# The sentence of each rule. Later rows weigh less.
SENTENCES = {
    "unaccepted": "{waiting} for accept(), and nothing calls it",
    "shared": "closed, and still open in another process",
    "copied": "closed, and still open through another descriptor",
    "eof": "EOF read, never closed",
    "timeout": "timeout, never closed",
    "error": "{call}() failed with {error}, never closed",
    "shutdown": "shutdown(), never closed",
    "unread": "never read the FIN",
    "gone": "the connection is gone, never closed",
    "unknown": "origin unknown: taken before blame began, or passed by another process",
    "open": "open",
    "listening": "listening",
}
RULES = tuple(SENTENCES)
SHUT = ("FIN_WAIT1", "FIN_WAIT2", "CLOSING", "LAST_ACK")  # with a descriptor: only after shutdown(2)
IDLE = ("open", "listening", "unknown")  # known to break no rule


def rule_of(group: dict[str, Any]) -> str:
    """The rule that a group of the tracer's report breaks: a key of SENTENCES."""
    if group["state"] == "LISTEN" or "waiting" in group:
        return "unaccepted" if group.get("waiting") else "listening"
    closed, end, last = (group.get(kind) for kind in ("closed", "end", "last"))
    if not group["known"] or not last:
        return "unknown"
    if closed and closed["at"] >= last["at"]:
        return "copied" if group["closer"] == group["pid"] else "shared"
    if end:
        return _rule_of_end(end)
    if last["call"] == "shutdown" or group["state"] in SHUT:
        return "shutdown"
    if "taken" not in group and group["state"] in ("CLOSE_WAIT", "gone"):
        return "unknown"  # a watched process may have read the FIN earlier
    return {"CLOSE_WAIT": "unread", "gone": "gone"}.get(group["state"], "open")


def _rule_of_end(end: dict[str, Any]) -> str:
    if "error" not in end:
        return "eof"
    return "timeout" if end["error"] == WAITED else "error"


def sentence_of(group: dict[str, Any], rule: str) -> str:
    """The rule in words. group: from the tracer's report."""
    end = group.get("end", {})
    call = "connect" if end.get("call") == "getsockopt" else end.get("call")
    count = group.get("waiting")
    waiting = "1 connection waits" if count == 1 else f"{count} connections wait"
    return SENTENCES[rule].format(waiting=waiting, call=call, error=end.get("error"))


# The touches of a socket, in the order of the report: kind, and its label.
KINDS = {
    "taken": "taken",
    "adopted": "adopted",
    "read": "last read",
    "end": "end",
    "last": "last touch",
    "closed": "closed",
    "inherited": "last fork",  # an earlier one may have been the one that copied it
}


def told(group: dict[str, Any], rule: str) -> list[str]:
    """Which touches of a group are worth a line."""
    spoken = group["told"]  # a language's own lines say more than its interpreter's native ones
    if known := [kind for kind in ("taken", "end", "last") if kind in spoken and kind in group]:
        return [kind for kind in known if kind != "last" or spoken["last"] != spoken.get("end")]
    kinds = ["taken", "adopted"]
    if rule in ("unread", "unaccepted"):
        kinds.append("read")
    kinds += ["end", "last"]
    if rule in ("shared", "copied"):
        kinds.append("closed")
    if rule == "shared":  # a fork does not explain a second descriptor in the same process
        kinds.append("inherited")
    present = [kind for kind in kinds if kind in group]
    # The first touch may be the end, and the last one is often reported already.
    hidden = {kind for kind in ("adopted", "last") for other in present
              if other != kind and other != "last" and group.get(kind) == group[other]}  # fmt: skip
    return [kind for kind in present if kind not in hidden]


def label_of(kind: str, touch: dict[str, Any]) -> str:
    """The label of a touch; an end is named after its kind."""
    if kind == "read" and touch["call"].startswith("accept"):
        return "last accept"
    if kind != "end":
        return KINDS[kind]
    return {"eof": "EOF", "timeout": "timeout", "error": "error"}[_rule_of_end(touch)]


def call_of(kind: str, touch: dict[str, Any]) -> str:
    """The call of a touch: "recv() = 0", "connect() = ECONNREFUSED", "EPOLL_CTL_ADD"."""
    call = touch["call"]
    if call.startswith("EPOLL_CTL"):
        return call
    if kind in ("taken", "closed", "inherited"):
        return f"{call}()"
    if call == "getsockopt":
        return f"connect() = {touch['error']} (getsockopt)"
    took = f" after {touch['took']:.1f} s" if touch.get("error") == WAITED and kind == "end" else ""
    return f"{call}() = {touch.get('error', touch.get('result'))}{took}"
