/* SPDX-License-Identifier: MIT */
/*
 * Finds who holds which socket: a descriptor leads to an inode (listing.c), and the dump has the
 * inode of every socket. It looks at all processes, wherever they live: a process can
 * hold sockets of a namespace that it has left or was never in.
 *
 * The kernel decides what we may read (man 2 ptrace, "Ptrace access mode checking"): listing needs
 * PTRACE_MODE_READ. A process that refuses counts as unreadable; we conclude nothing about what it
 * holds.
 */
#include "census/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *visit_name(struct visit *visit)
{
	if (!visit->name[0] && visit->comm)
		process_name_of(visit->pid, visit->comm, visit->name, sizeof(visit->name));
	else if (!visit->name[0])
		process_name(visit->pid, visit->name, sizeof(visit->name));
	return visit->name;
}

static void name_listeners(struct visit *visit, const struct inodes *inodes,
			   struct census_snapshot *snapshot, const struct inode_entry *entry)
{
	for (; entry; entry = inodes_next(inodes, entry)) {
		struct census_listener *listener;

		if (entry->state != STATE_LISTEN || !entry->number)
			continue;
		listener = &snapshot->listeners[entry->number - 1];
		if (listener->pid)
			continue;
		listener->pid = visit->pid;
		snprintf(listener->process, sizeof(listener->process), "%s", visit_name(visit));
	}
}

/*
 * Mark all sockets of an inode. Returns the one that represents the descriptor: the application's,
 * when it is in a state that no subflow has; NULL when nothing counts.
 */
static struct inode_entry *mark(struct visit *visit, const struct inodes *inodes,
				struct inode_entry *first, bool *another)
{
	struct inode_entry *shown = NULL;

	*another = first->holder == (uint32_t)visit->pid;
	if (visit->second && first->flags & INODE_HELD && !(first->flags & INODE_LATE))
		return NULL; /* counted at the first visit */
	for (struct inode_entry *entry = first; entry; entry = inodes_next(inodes, entry)) {
		bool main = (entry->flags & (INODE_MAIN | INODE_MPTCP)) == INODE_MAIN;

		entry->holder = (uint32_t)visit->pid;
		entry->flags |= INODE_HELD | (visit->second ? INODE_LATE : 0);
		if (!(entry->flags & INODE_SKIP) && (!shown || main))
			shown = entry;
	}
	return shown;
}

static int listed(struct visit *visit, size_t number, enum census_hold hold, int fd,
		  struct inode_entry *first)
{
	struct census_host *host = visit->census->hosts[number];
	struct census_snapshot *snapshot = &visit->snapshots[number];
	struct holding holding = {.pid = visit->pid, .fd = fd, .hold = (uint8_t)hold};
	struct inode_entry *entry = mark(visit, &host->inodes, first, &holding.another);

	if (!entry)
		return 0;
	if (entry->state == STATE_LISTEN) {
		if (visit->needs->rows)
			name_listeners(visit, &host->inodes, snapshot, first);
		return 0;
	}
	snapshot->descriptors++;
	if (!visit->needs->rows)
		return 0;
	holding.name = visit_name(visit);
	holding.state = entry->state;
	holding.shown_port = entry->port;
	holding.unread = entry->flags & INODE_UNREAD;
	return tally_descriptor(host, snapshot, &holding);
}

static int unlisted(struct visit *visit, enum census_hold hold, int fd, uint32_t inode)
{
	const struct candidate candidate = {
	    .pid = visit->pid,
	    .task = visit->task,
	    .fd = fd,
	    .inode = inode,
	    .hold = (uint8_t)hold,
	    .home = (size_t)visit->home,
	};

	/* What others hold matters only when it belongs to a host. */
	if (visit->home < 0 || visit->second ||
	    (!visit->needs->descriptors && !visit->census->process_count))
		return 0;
	switch (hold == CENSUS_BY_DESCRIPTOR ? descriptor_protocol(visit->pid, visit->task, fd)
					     : PROTOCOL_TCP) {
	case PROTOCOL_TCP:
		return gone_note(visit->census, &candidate);
	case PROTOCOL_REFUSED:
		visit->refused = true;
		return 0;
	default:
		return 0;
	}
}

int visit_meet(struct visit *visit, enum census_hold hold, int fd, uint32_t inode)
{
	for (size_t i = 0; i < visit->census->host_count; i++) {
		struct inode_entry *first = inodes_find(&visit->census->hosts[i]->inodes, inode);

		if (first)
			return listed(visit, i, hold, fd, first);
	}
	if (visit->second && hold == CENSUS_BY_DESCRIPTOR &&
	    descriptor_protocol(visit->pid, visit->task, fd) == PROTOCOL_UNIX)
		visit_unix(visit, fd);
	return unlisted(visit, hold, fd, inode);
}

int visit_descriptor(struct visit *visit, const struct descriptor *descriptor)
{
	char path[64];

	switch (descriptor->leads) {
	case LEADS_TO_SOCKET:
		return visit_meet(visit, CENSUS_BY_DESCRIPTOR, descriptor->fd, descriptor->inode);
	case LEADS_TO_RING:
		return visit->deep ? visit_ring(visit, descriptor->fd) : 0;
	case LEADS_TO_NETNS:
		if (visit->home < 0)
			return 0;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", visit->pid, visit->task,
			 descriptor->fd);
		return elsewhere_note(visit->census, path);
	default:
		return 0;
	}
}

static void unreadable(struct census_snapshot *snapshot, const struct visit *visit)
{
	if (snapshot->unreadable_processes++ || snapshot->unreadable[0])
		return;
	if (visit->busy)
		snprintf(snapshot->unreadable, sizeof(snapshot->unreadable),
			 "its io_uring was too busy to list its files: count again");
	else
		process_refusal(visit->pid, snapshot->unreadable, sizeof(snapshot->unreadable));
}

/* A process that hides even its namespace may belong to any host. */
static void unreadable_everywhere(const struct visit *visit)
{
	for (size_t i = 0; i < visit->census->host_count; i++)
		unreadable(&visit->snapshots[i], visit);
}

/* Did @visit miss something still unknown? The second look asks only rings for the first time. */
static bool missed(const struct visit *visit)
{
	if (visit->second)
		return visit->busy && !visit->census->process_count;
	return visit->busy || (visit->refused && process_may_hold(visit->pid));
}

/* @home: its host, or -1 when unknown. Frees @listing. */
static int scan_process(struct visit *visit, struct listing *listing, int home)
{
	int result = listing->no_memory ? -1 : 0;

	visit->pid = listing->pid;
	visit->name[0] = '\0';
	visit->refused = listing->refused;
	visit->busy = false;
	visit->home = -1;
	if (!listing->hidden)
		visit->home = host_of(visit->census, &listing->netns);
	else if ((listing->hidden == EACCES || listing->hidden == EPERM) &&
		 process_may_hold(listing->pid))
		visit->refused = true;
	else {
		listing_free(listing);
		return result; /* it has ended */
	}
	if (home >= 0)
		visit->home = home;
	for (size_t i = 0; i < listing->count && result >= 0; i++) {
		visit->task = listing->descriptors[i].task;
		result = visit_descriptor(visit, &listing->descriptors[i]);
	}
	listing_free(listing);
	visit->task = visit->pid;
	if (result >= 0 && visit->deep && !visit->refused)
		result = visit_mappings(visit);
	if (missed(visit)) {
		if (visit->home >= 0)
			unreadable(&visit->snapshots[visit->home], visit);
		else
			unreadable_everywhere(visit);
	}
	return result;
}

static int scan_all(struct visit *visit, struct error *error)
{
	struct readers *readers;
	struct listing listing;
	int result = 0;

	if (access("/proc", R_OK | X_OK) < 0)
		return error_set(error, EXIT_CANNOT, "cannot read /proc: %s", strerror(errno));
	/* Every pid namespace has a process 1. If it is hidden, others are too (hidepid). */
	if (!visit->second && access("/proc/1", F_OK) < 0) {
		visit->pid = 1;
		unreadable_everywhere(visit);
	}
	readers = readers_begin();
	if (!readers)
		return error_no_memory(error);
	while (result >= 0 && readers_next(readers, &listing))
		result = scan_process(visit, &listing, -1);
	readers_end(readers);
	return result < 0 ? error_no_memory(error) : 0;
}

/* Owners from the kernel at the second look are counted: /proc must not count them again. */
static void forget_late(struct census *census)
{
	for (size_t i = 0; i < census->host_count; i++)
		for (size_t n = 0; n < census->hosts[i]->inodes.size; n++)
			census->hosts[i]->inodes.slot[n].flags &= (uint8_t)~INODE_LATE;
}

int census_scan(struct census *census, const struct census_needs *needs,
		struct census_snapshot *snapshots, bool second, struct error *error)
{
	struct visit visit = {
	    .census = census,
	    .needs = needs,
	    .snapshots = snapshots,
	    .second = second,
	    /* Of a named process, look at everything; of all processes, only at what has no
	     * known holder. */
	    .deep = second || census->process_count,
	};

	if (!census->process_count) {
		int told = kernel_has_told(census, second, error);

		if (told < 0 || (told && kernel_scan(&visit, error) < 0))
			return -1;
		if (told && second)
			forget_late(census);
		/* The second look also asks /proc, but only for what is still missing. */
		return told && !(second && owners_missing(census)) ? 0 : scan_all(&visit, error);
	}
	for (size_t i = 0; i < census->process_count; i++) {
		const struct census_process *process = &census->processes[i];
		struct listing listing;

		/* Another process may have its number by now; the pidfd still means the dead one.
		 */
		if (syscall(SYS_pidfd_send_signal, process->pidfd, 0, NULL, 0) < 0 &&
		    errno == ESRCH)
			continue;
		listing = listing_read(process->pid);
		if (scan_process(&visit, &listing, (int)process->home) < 0)
			return error_no_memory(error);
	}
	return 0;
}
