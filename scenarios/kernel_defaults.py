"""kernel-defaults: a new network namespace has the kernel's defaults, not its host's settings.

   host (namespace)   sysctl -w tcp_keepalive_time=600 tcp_tw_reuse=1 ...
     └─ new namespace   tcp_keepalive_time 7200, tcp_tw_reuse 2 ...

condition: a namespace made on a host that was tuned. control: that host itself.

Articles quote defaults, and systems change them. These are the kernel's own: a new network
namespace gets most of net.ipv4.tcp_* as they were compiled (ip-sysctl.rst), not as its host has
them. So a container on a tuned host runs untuned, and tuning belongs in the container's own
settings. tcp_tw_reuse has been 2 since Linux 4.19: on, but between loopback addresses only.

The descriptor limit is neither a sysctl nor a constant: a process inherits its parent's
(getrlimit(2)). The kernel gives 1024 to the first process (INR_OPEN_CUR in linux/fs.h), and many
systems raise it.
"""

import sys

from linger import scenario
from linger.lab.verdict import table

DEFAULT = {
    "tcp_keepalive_time": 7200,
    "tcp_keepalive_intvl": 75,
    "tcp_keepalive_probes": 9,
    "tcp_tw_reuse": 2,
    "tcp_fin_timeout": 60,
    "tcp_timestamps": 1,
    "tcp_rfc1337": 0,
    "ip_local_port_range": "32768 60999",
}
TUNED = dict(zip(DEFAULT, (600, 10, 3, 1, 5, 0, 1, "40000 40099")))
N = len(DEFAULT)
EXPECT = {"condition": DEFAULT, "control": TUNED}

LIMITS = (1024, 256)
DESCRIPTORS = {f"its parent had {limit}": [f"EMFILE at {limit}"] for limit in LIMITS}
FILL = """
import errno, os
try:
    while True:
        last = os.dup(0)
except OSError as error:
    print(errno.errorcode[error.errno], "at", last + 1)
"""


def read(host, *inside):
    """The settings of a host, or of the namespace that the command `inside` creates there."""
    files = [f"/proc/sys/net/ipv4/{name}" for name in DEFAULT]
    lines = host.run(*inside, "cat", *files).replace("\t", " ").splitlines()
    return {name: int(line) if line.isdigit() else line for name, line in zip(DEFAULT, lines)}


@scenario(
    claims=[
        "ka-default-7200",
        "tw-reuse-default",
        "tw-port-range",
        "tw-timestamps-default",
        "fd-limit-1024",
    ],
    variants=("condition", "control"),
)
def test_kernel_defaults(lab, variant):
    host = lab.hosts["server"]
    host.sysctl(**TUNED)
    tuned = read(host)
    lab.happened_value(
        "server", "settings tuned", lambda: sum(tuned[x] == TUNED[x] for x in TUNED), N
    )
    new = ["unshare", "--net"] if variant == "condition" else []
    lab.expect_values(EXPECT[variant], read(host, *new), by="kernel")
    met = {
        row: [host.run("prlimit", f"--nofile={limit}:{limit}", sys.executable, "-c", FILL).strip()]
        for row, limit in zip(DESCRIPTORS, LIMITS)
    }
    columns = ["a process gets"]
    lab.expect_table("limit of descriptors", table(columns, DESCRIPTORS), table(columns, met))
