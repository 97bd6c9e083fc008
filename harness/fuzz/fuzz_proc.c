/* SPDX-License-Identifier: MIT */
/*
 * What the census reads of other processes in /proc: lines of /proc/net/tcp, of an io_uring's
 * fdinfo and of maps, the fdinfo of UNIX sockets and of timers, system calls, links of descriptors.
 * A process chooses much of that itself, above all file names.
 */
#include <sys/socket.h>

#include "census/visit.h"
#include "fuzz/fuzz.h"

static void check_socket(const char *text)
{
	struct census_socket socket;

	if (!census_procfs_parse(text, &socket))
		return;
	MUST(socket.state >= 1 && socket.state < STATES);
	MUST(socket.family == AF_INET || socket.family == AF_INET6);
	MUST(socket.family == AF_INET6 || !(socket.address[1] | socket.peer[1]));
	MUST(socket.keepalive >= -1 && !socket.mptcp);
}

/* An inode is found only where the kernel writes one: "socket:[N]" ends the line. */
static void check_lines(const char *text)
{
	int slot = -1;
	uint32_t ring = ring_line_inode(text, &slot);
	uint32_t mapping = mapping_line_inode(text);

	MUST(!ring || (slot >= 0 && strstr(text, "socket:[")));
	MUST(!mapping || strstr(text, "socket:["));
	MUST(!scm_count(text) || strstr(text, "scm_fds:"));
	MUST(!source_has_mptcp(text) || strstr(text, "MPTCP"));
}

static void check_holdings(const char *text)
{
	struct census_timer timer;
	struct census_held held;
	struct call call;
	char unit[16];

	cgroup_unit(text, unit, sizeof(unit));
	MUST(memchr(unit, '\0', sizeof(unit)));
	held_from_target(text, &held);
	MUST(memchr(held.kind, '\0', sizeof(held.kind)));
	MUST(memchr(held.name, '\0', sizeof(held.name)));
	MUST(held.count == 1);
	if (timer_from(text, &timer))
		MUST(timer.due_ms >= 0 && timer.every_ms >= 0);
	if (call_from(text, &call))
		MUST(call.number >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = fuzz_text(bytes, size);

	check_socket(text);
	check_lines(text);
	check_holdings(text);
	free(text);
	return 0;
}
