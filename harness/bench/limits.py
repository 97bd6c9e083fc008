"""Says what limits the number of sockets, according to the measurements."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from crowd import LIFETIME, MOST_PORTS

BUSY = 0.9  # of all cores: from here on they limit the rate

Row = Mapping[str, Any]


def limits(rows: Sequence[Row], machine: Mapping[str, int]) -> list[str]:
    """The limits as sentences, each with its figure, of the largest number of each state.

    machine: cores; free, in bytes, before the first was made; descriptors, of one program.
    """
    largest = {row["state"]: row for row in sorted(rows, key=lambda row: row["size"])}
    found = []
    for row in largest.values():
        found += [_time(row, machine["cores"]), _memory(row, machine["free"])]
        if row["state"] == "TIME_WAIT":
            found.append(
                f"Lifetime: a TIME_WAIT lasts {LIFETIME:.0f} s, so at this rate "
                f"{round(row['per_second'] * LIFETIME):,} can exist at once."
            )
    if largest:
        row = max(largest.values(), key=lambda row: (row["servers"], row["size"]))
        found.append(
            f"Descriptors and ports: a program may have {machine['descriptors']:,} descriptors "
            f"(ulimit -Hn), and a client address {MOST_PORTS:,} ports to one server port. So "
            f"{row['size']:,} needed {row['servers']} server{'s' * (row['servers'] > 1)}, each with "
            "a client address of its own. A TIME_WAIT keeps a port, but no descriptor."
        )
    return found


def busy(shares: Row, cores: int) -> str:
    """How busy the cores were, and with what: of the members that cost.Cores.shares() gives."""
    return (
        f"the {cores} cores were {shares['busy_share']:.0%} busy: "
        f"{shares['kernel_share']:.0%} in the kernel, "
        f"{shares['others_share']:.0%} in other programs"
    )


def _time(row: Row, cores: int) -> str:
    made = (
        f"Time: {row['size']:,} {row['state']} were made at {row['per_second']:,} per second; meanwhile "
        f"{busy(row, cores)}."
    )
    if row["busy_share"] < BUSY:
        return f"{made} So waiting, not the processor, limited the rate."
    return f"{made} So the processor limits the rate."


def _memory(row: Row, free: int) -> str:
    each = (row["kernel_bytes"] or 0) + row["program_bytes"]
    if not row["kernel_bytes"] or each <= 0:
        return f"Memory: {row['size']:,} {row['state']} are too few to measure what each takes."
    return (
        f"Memory: a {row['state']} takes {each:,} bytes ({row['kernel_bytes']:,} of the kernel, "
        f"{row['program_bytes']:,} of its server), so about {free // each:,} would fit in the "
        f"{free >> 20:,} MiB that were free."
    )
