"""Any command as a program of the lab, started as its owner would start it.

It has the caller's environment and rights and no more: inside the sandbox an ordinary user would have every
capability; root keeps those that servers use and loses those that would lift limits or reach out of the lab.
It runs under build/subreaper, so a daemon that leaves its parent still belongs to the lab and ends with it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Sequence

from linger.lab import census
from linger.lab.confine import cannot_start
from linger.lab.environment import of_caller
from linger.lab.errors import TargetDied, Usage
from linger.lab.expect import Peer
from linger.lab.foreign import end_of
from linger.lab.host import Host
from linger.lab.programs import program

STARTING = 30.0  # s within which a server must listen
# What root keeps: the default set that containers give a service, without CAP_NET_RAW.
SERVICE = (
    "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,"
    "sys_chroot,mknod,audit_write,setfcap"
)
NO_SUCH_ADDRESS = ("EADDRNOTAVAIL", os.strerror(errno.EADDRNOTAVAIL))


def as_caller(descriptors: int = 0) -> list[str | Path]:
    """The words before a command that give it the caller's environment, rights and limits.

    descriptors: its limit (RLIMIT_NOFILE), if any.
    """
    words: list[str | Path] = [*of_caller()]
    if descriptors:
        words += ["prlimit", f"--nofile={descriptors}:{descriptors}"]
    kept = "".join(f",+{name}" for name in SERVICE.split(",")) if os.getuid() == 0 else ""
    words += ["setpriv", f"--bounding-set=-all{kept}", "--inh-caps=-all", "--ambient-caps=-all"]
    # Otherwise setpriv would report the failure to start in its own name.
    return [*words, "--", program("start"), "--as", "linger", "--"]


def must_be_possible(host: Host, words: Sequence[str | Path], port: int | None) -> None:
    """Errors: Usage for something that is not a command, or a taken port; TargetDied with the reason why a
    program cannot be started."""
    if isinstance(words, str) or not words:
        raise Usage(f"lab.run() wants the words of a command, as [\"./srv\"], not {words!r}")
    if why := cannot_start(words[0]):
        raise TargetDied(why)
    if port and listeners(host, [port]):
        raise Usage(f"cannot tell whether {words[0]} listens: port {port} is already taken")


def held_together(words: Sequence[str | Path], descriptors: int = 0) -> list[str | Path]:
    """The words of a command, preceded by those that make it a Service."""
    return [program("subreaper"), "-", *as_caller(descriptors), *words]


class Service(Peer):
    """Any command in a host, started with the words of held_together().

    Its pid is the command's; it has ended when all that it started has. As with any Process, its output is
    its log, and a line `ev=NAME key=value ...` in it is an event.
    """

    serves = True

    def await_listening(self, port: int, within: float = STARTING) -> None:
        """Wait until it listens on a port, according to the census; nothing connects to it.

        within: seconds. Errors: TargetDied with its last output when it ends first, listens too late, or
        listens where no other host reaches it.
        """
        deadline = time.monotonic() + within
        while not (addresses := self._listened_on(port, within=0.1)):
            if not self.running:
                hint = f"{address_hint(self.log)}{self.tail()}"
                raise TargetDied(f"{self.program} {self.ending()} before it listened{hint}")
            if time.monotonic() > deadline:
                raise TargetDied(
                    f"{self.program} does not listen on port {port} after {within:g} s"
                    f"{elsewhere(self.host)}{self.tail()}"
                )
        if all(address == "::1" or address.startswith("127.") for address in addresses):
            raise TargetDied(
                f"{self.program} listens on {', '.join(addresses)} only, where no other host "
                f"reaches it; let it listen on 0.0.0.0 or {self.host.address}"
            )

    def _listened_on(self, port: int, within: float) -> list[str]:
        """The addresses that are listened on; waits that many seconds for the first."""
        hosts = {self.host.name: self.host.path}
        snapshot = census.until(hosts, "LISTEN >= 1", within, 0, [port])
        return [listener["address"] for listener in snapshot["hosts"][0]["listeners"]]

    def _collect(self) -> None:
        """Wait for the killed command only; what it started may go on."""
        while self.running and Path(f"/proc/{self.pid}").exists():
            time.sleep(0.0005)  # the next look: the subreaper is about to reap it

    def stop(self, grace: float = 1.0) -> None:
        """As Process.stop(); SIGTERM goes to the command, and SIGKILL to all that then remains."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace)
        super().stop(grace)


def listeners(host: Host, ports: Sequence[int] = ()) -> list[dict[str, Any]]:
    """What listens in a host, on these ports or on any."""
    return census.count({host.name: host.path}, ports)[host.name]["listeners"]


def elsewhere(host: Host) -> str:
    """The ports that are listened on in a host, for a sentence about another port."""
    ports = sorted({str(listener["port"]) for listener in listeners(host)})
    return f", but on port {', '.join(ports)}" if ports else ""


def address_hint(output: Path) -> str:
    """A hint for a server that wants an address of the machine that the lab does not have."""
    said = end_of(output).lower()
    if not any(error.lower() in said for error in NO_SUCH_ADDRESS):
        return ""
    return "; in the lab its addresses are 10.0.0.2, fd00::2 and the loopback ones, or 0.0.0.0"
