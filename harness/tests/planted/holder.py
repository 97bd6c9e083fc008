"""holder.py WORD: hold TCP sockets in a way that a census easily overlooks; then say so and stay.

Runs in its own network namespace, and prints one line: "ready", or "cannot WHY" if the machine does not offer
it. Each way leaves three CLOSE_WAITs, unless it says otherwise.
"""

import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_FILES, CLONE_NEWNET = 0x400, 0x40000000
IO_URING_SETUP, IO_URING_REGISTER, REGISTER_FILES = 425, 427, 2
IPPROTO_MPTCP = 262
RESET = struct.pack("ii", 1, 0)
kept: list[object] = []


def check(result: int) -> int:
    if result < 0:
        print("cannot", os.strerror(ctypes.get_errno()), flush=True)
        os._exit(0)
    return result


def own_network() -> None:
    check(LIBC.unshare(CLONE_NEWNET))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def listen(protocol: int = 0) -> socket.socket:
    try:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    except OSError as error:
        print("cannot", error.strerror, flush=True)
        os._exit(0)
    listener.bind(("127.0.0.1", 9000))
    listener.listen(100)
    return listener


def connect(protocol: int = 0) -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    end.connect(("127.0.0.1", 9000))
    return end


def three() -> list[socket.socket]:
    """Three accepted connections whose clients have closed; the listener is kept."""
    listener = listen()
    kept.append(listener)
    accepted = []
    for _ in range(3):
        end = connect()
        accepted.append(listener.accept()[0])
        end.close()
    return accepted


def await_leader(pid: int) -> None:
    """Wait until the leader of a process's threads has ended."""
    while ") Z " not in Path(f"/proc/{pid}/stat").read_text():
        time.sleep(0.0001)  # the next look


def leader() -> None:
    """The leader of the threads ends; the others live on."""
    kept.extend(three())

    def stay() -> None:
        await_leader(os.getpid())
        say()
        time.sleep(1000)

    threading.Thread(target=stay).start()
    LIBC.pthread_exit(None)


def table() -> None:
    """A thread has the descriptors in its own table."""
    accepted = three()
    apart = threading.Event()

    def keep() -> None:
        check(LIBC.unshare(CLONE_FILES))
        apart.set()
        time.sleep(1000)

    threading.Thread(target=keep, daemon=True).start()
    apart.wait()
    for end in accepted:
        end.close()


def away() -> None:
    """The process has left the namespace of its sockets, where another process lives."""
    kept.extend(three())
    if os.fork() == 0:
        LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        for end in kept:
            end.close()
        signal.pause()
    check(LIBC.unshare(CLONE_NEWNET))


def alone() -> None:
    """The same, and no process lives there: only the sockets keep it alive."""
    kept.extend(three())
    check(LIBC.unshare(CLONE_NEWNET))


def ring() -> None:
    """Fixed files of an io_uring."""
    accepted = three()
    parameters = (ctypes.c_uint32 * 30)()
    number = check(LIBC.syscall(IO_URING_SETUP, 8, parameters))
    files = (ctypes.c_int * 3)(*(end.fileno() for end in accepted))
    check(LIBC.syscall(IO_URING_REGISTER, number, REGISTER_FILES, files, 3))
    for end in accepted:
        end.close()


def mapping() -> None:
    """Mappings, as for TCP_ZEROCOPY_RECEIVE."""
    LIBC.mmap.restype = ctypes.c_void_p
    for end in three():
        check(0 if LIBC.mmap(None, ctypes.c_size_t(4096), 1, 1, end.fileno(), ctypes.c_long(0))
              != ctypes.c_void_p(-1).value else -1)  # fmt: skip
        end.close()


def flight() -> None:
    """In flight through a UNIX socket."""
    here, there = socket.socketpair()
    accepted = three()
    socket.send_fds(here, [b"x"], [end.fileno() for end in accepted])
    kept.extend((here, there))
    for end in accepted:
        end.close()


def doubled() -> None:
    """Each by three descriptors."""
    for end in three():
        kept.extend((end, end.dup(), end.dup()))


def high() -> None:
    """Each by two descriptors, the second with a high number: the kernel lists its table in parts."""
    resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)
    for end, number in zip(three(), (4031, 4032, 12000)):
        kept.append(end)
        os.dup2(end.fileno(), number)


def crowd() -> None:
    """Many with high numbers, after a gap: more than the kernel lists of a table at once. Two processes
    have them."""
    high()
    for number in range(13000, 18000):
        os.dup2(kept[number % 3].fileno(), number)
    if os.fork() == 0:
        LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        signal.pause()


def mptcp() -> None:
    """Behind a listener of MPTCP: three CLOSE_WAIT and two reset, of clients without it."""
    listener = listen(IPPROTO_MPTCP)
    kept.append(listener)
    for number in range(5):
        end = connect()
        accepted = listener.accept()[0]
        kept.append(accepted)
        if number >= 3:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()


def subflows() -> None:
    """MPTCP on both sides, three connections with three subflows each; the clients close."""
    for address in ("127.0.0.2", "127.0.0.3"):
        subprocess.run(["ip", "mptcp", "endpoint", "add", address, "subflow"], check=True)
    subprocess.run("ip mptcp limits set subflow 4 add_addr_accepted 4".split(), check=True)
    listener = listen(IPPROTO_MPTCP)
    kept.append(listener)
    for _ in range(3):
        end = connect(IPPROTO_MPTCP)
        accepted = listener.accept()[0]
        end.send(b"x")
        accepted.recv(1)
        kept.extend((end, accepted))


def gone() -> None:
    """Two reset, one shut down, one refused at once, one fresh: no table lists any."""
    listener = listen()
    kept.append(listener)
    for how in (0, 0, 1):
        end = connect()
        accepted = listener.accept()[0]
        kept.append(accepted)
        if how:
            accepted.shutdown(socket.SHUT_RDWR)
        else:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()
    refused = socket.socket()
    assert refused.connect_ex(("127.0.0.1", 1))
    kept.extend((refused, socket.socket()))


def ends_later() -> None:
    """Three that end on command: a line on stdin resets them."""
    listener = listen()
    ends = []
    for _ in range(3):
        ends.append(connect())
        kept.append(listener.accept()[0])
    kept.append(listener)
    say()
    sys.stdin.readline()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.close()


def fin_with_data() -> None:
    """Three whose FIN came after data and was taken with it: no recv() returned 0."""
    listener = listen()
    kept.append(listener)
    for _ in range(3):
        end = connect()
        accepted = listener.accept()[0]
        end.send(b"x" * 18)
        end.close()
        while accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\x08":
            time.sleep(0.001)  # CLOSE_WAIT
        assert len(accepted.recv(4096)) == 18
        kept.append(accepted)


def states() -> None:
    """Sockets in eight states, of both families; a request, the small sockets of a closed FIN_WAIT2 and of
    TIME_WAIT; with keepalive, with unread data, not accepted, and bound to a device."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"),
                            (socket.AF_INET6, "::ffff:127.0.0.3")):  # fmt: skip
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 9000))
        listener.listen(100)
        kept.append(listener)
        for do in ("keep", "keepalive", "shut", "close", "device", "wait", "leave"):
            end = socket.socket(family, socket.SOCK_STREAM)
            if do == "device":
                end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
            end.connect((address, 9000))
            accepted = listener.accept()[0] if do != "leave" else None
            if do == "keepalive":
                end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            elif do == "shut":
                end.send(b"unread")
                end.shutdown(socket.SHUT_WR)
            elif do == "wait" and accepted:
                end.close()
                accepted.close()
                continue
            kept.append(accepted)
            if do == "close":
                end.close()
            else:
                kept.append(end)
    deferred, full = socket.socket(), socket.socket()
    deferred.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1000)
    for listener, address in ((deferred, "127.0.0.4"), (full, "127.0.0.5")):
        listener.bind((address, 9000))
        listener.listen(0)
        for _ in range(3):  # the first is not accepted, and the queue is full
            end = socket.socket()
            end.setblocking(False)
            end.connect_ex(listener.getsockname())
            kept.extend((listener, end))


def few_buckets(number: int = 4) -> None:
    """300 connections in a table that has few chains."""
    with open("/proc/sys/net/ipv4/tcp_child_ehash_entries", "w") as entries:
        entries.write(str(number))
    own_network()
    listener = listen()
    kept.append(listener)
    for _ in range(300):
        kept.extend((connect(), listener.accept()[0]))


def one_bucket() -> None:
    few_buckets(1)


def unreadable() -> None:
    """A process that may not be examined without CAP_SYS_PTRACE."""
    kept.extend(three())
    check(LIBC.prctl(4, 0, 0, 0, 0))  # PR_SET_DUMPABLE


def say() -> None:
    print("ready", flush=True)


if __name__ == "__main__":
    own_network()
    globals()[sys.argv[1]]()
    if sys.argv[1] not in ("leader", "ends_later"):
        say()
    while True:
        signal.pause()
