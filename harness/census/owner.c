/* SPDX-License-Identifier: MIT */
/*
 * Who holds which socket: /proc/PID/fd/N is a link to "socket:[inode]", and the dump told the inode
 * of every socket. A host's processes are those in its network namespace.
 *
 * What may be read is the kernel's decision (man 2 ptrace, "Ptrace access mode checking"): listing
 * needs PTRACE_MODE_READ, duplicating a descriptor PTRACE_MODE_ATTACH. A process that refuses is
 * counted as unreadable; nothing is concluded about what it holds.
 */
#include "census/internal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct visit {
	struct census *census;
	const struct census_needs *needs;
	struct census_host *host;
	struct census_snapshot *snapshot;
	pid_t pid;
	int pidfd;
	bool refused;
	char name[64]; /* empty: not read yet */
};

static const char *visit_name(struct visit *visit)
{
	if (!visit->name[0])
		process_name(visit->pid, visit->name, sizeof(visit->name));
	return visit->name;
}

static int hold(struct visit *visit, int fd, uint8_t state, uint16_t shown_port, bool unread)
{
	visit->snapshot->descriptors++;
	if (!visit->needs->rows)
		return 0;
	return tally_descriptor(visit->host, visit->snapshot, visit->pid, visit_name(visit), fd,
				state, shown_port, unread);
}

static void name_listener(struct visit *visit, uint32_t inode)
{
	struct census_snapshot *snapshot = visit->snapshot;

	for (size_t i = 0; i < snapshot->listener_count; i++) {
		struct census_listener *listener = &snapshot->listeners[i];

		if (listener->inode != inode || listener->pid)
			continue;
		listener->pid = visit->pid;
		snprintf(listener->process, sizeof(listener->process), "%s", visit_name(visit));
	}
}

/* A socket that is in the dump. */
static int listed(struct visit *visit, int fd, struct inode_entry *entry)
{
	entry->flags |= INODE_HELD;
	if (entry->flags & INODE_SKIP)
		return 0;
	if (entry->state == STATE_LISTEN) {
		if (visit->needs->rows)
			name_listener(visit, entry->inode);
		return 0;
	}
	return hold(visit, fd, entry->state, entry->port, entry->flags & INODE_UNREAD);
}

/* A socket that is not: of another protocol, or a ghost. */
static int unlisted(struct visit *visit, int fd, uint32_t inode)
{
	uint8_t state = 0;
	uint16_t port = 0;
	enum descriptor_kind kind =
	    ghost_examine(visit->pid, fd, inode, &visit->pidfd, &state, &port);

	if (kind == DESCRIPTOR_REFUSED)
		visit->refused = true;
	if (kind == DESCRIPTOR_OTHER || kind == DESCRIPTOR_LISTENER || kind == DESCRIPTOR_REFUSED ||
	    !port_wanted(visit->census, port))
		return 0;
	if (kind == DESCRIPTOR_UNCONNECTED) {
		visit->snapshot->unconnected++;
		return 0;
	}
	if (kind == DESCRIPTOR_GHOST)
		visit->snapshot->ghosts++;
	return hold(visit, fd, state, census_shown_port(visit->census, visit->host, port), false);
}

static int visit_descriptors(struct visit *visit, DIR *directory)
{
	struct dirent *entry;

	while ((entry = readdir(directory))) {
		char target[64];
		struct inode_entry *socket;
		unsigned int inode;
		ssize_t length;
		int result, fd;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		if (length < 0) {
			if (errno == EACCES || errno == EPERM)
				visit->refused = true;
			continue;
		}
		target[length] = '\0';
		if (sscanf(target, "socket:[%u]", &inode) != 1)
			continue;
		fd = atoi(entry->d_name);
		socket = inodes_find(&visit->host->inodes, inode);
		result = socket			     ? listed(visit, fd, socket)
			 : visit->needs->descriptors ? unlisted(visit, fd, inode)
						     : 0;
		if (result < 0)
			return -1;
	}
	return 0;
}

static int visit_process(struct visit *visit)
{
	char path[64];
	DIR *directory;
	int result;

	snprintf(path, sizeof(path), "/proc/%d/fd", visit->pid);
	directory = opendir(path);
	if (!directory) {
		visit->snapshot->unreadable_processes +=
		    (errno == EACCES || errno == EPERM) && process_may_hold(visit->pid);
		return 0;
	}
	result = visit_descriptors(visit, directory);
	visit->snapshot->unreadable_processes += visit->refused;
	closedir(directory);
	return result;
}

/* A process that does not even tell its namespace may belong to any host. */
static void unreadable_everywhere(const struct census *census, struct census_snapshot *snapshots)
{
	for (size_t i = 0; i < census->host_count; i++)
		snapshots[i].unreadable_processes++;
}

static int scan_process(struct census *census, const struct census_needs *needs,
			struct census_snapshot *snapshots, pid_t pid, int pidfd)
{
	struct visit visit = {.census = census, .needs = needs, .pid = pid, .pidfd = pidfd};
	struct netns_id id;
	int result = 0;

	if (process_netns(pid, &id) < 0) {
		if ((errno == EACCES || errno == EPERM) && process_may_hold(pid))
			unreadable_everywhere(census, snapshots);
		return 0;
	}
	for (size_t i = 0; i < census->host_count && result == 0; i++) {
		visit.host = census->hosts[i];
		visit.snapshot = &snapshots[i];
		visit.refused = false;
		if (visit.host->netns.device == id.device && visit.host->netns.inode == id.inode)
			result = visit_process(&visit);
	}
	if (visit.pidfd >= 0 && pidfd < 0)
		close(visit.pidfd);
	return result;
}

static int scan_all(struct census *census, const struct census_needs *needs,
		    struct census_snapshot *snapshots, struct error *error)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int result = 0;

	if (!proc)
		return error_set(error, EXIT_CANNOT, "cannot read /proc: %s", strerror(errno));
	/* Every pid namespace has a 1. When it is not shown, others are hidden too (hidepid). */
	if (access("/proc/1", F_OK) < 0)
		unreadable_everywhere(census, snapshots);
	while (result == 0 && (entry = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid && pid != getpid())
			result = scan_process(census, needs, snapshots, pid, -1);
	}
	closedir(proc);
	return result < 0 ? error_no_memory(error) : 0;
}

int census_scan(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, struct error *error)
{
	if (!census->process_count)
		return scan_all(census, needs, snapshots, error);
	for (size_t i = 0; i < census->process_count; i++) {
		const struct census_process *process = &census->processes[i];

		/* Its number may be another's by now; the pidfd still means the one that is gone.
		 */
		if (syscall(SYS_pidfd_send_signal, process->pidfd, 0, NULL, 0) < 0 &&
		    errno == ESRCH)
			continue;
		if (scan_process(census, needs, snapshots, process->pid, process->pidfd) < 0)
			return error_no_memory(error);
	}
	return 0;
}
