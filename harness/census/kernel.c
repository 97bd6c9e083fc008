/* SPDX-License-Identifier: MIT */
/*
 * Takes the owners of all processes at once from the kernel (bpf.c). It does not see fixed files of
 * an io_uring and mappings; /proc finds those at the second look.
 */
#include "census/visit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * From this size on BPF is faster. By bench-census (Linux 6.18, two cores) /proc takes 2 us more
 * for a socket and 34 us more for a process, as much as for PER_PROCESS sockets. Loading the
 * program takes 3 ms, and some more before Linux 6.16, where BTF cannot be mapped; after that a
 * count costs half a millisecond of its own. To list the connections the same way takes 5 ms for
 * loading and 3 for the empty buckets, and then 0.6 us less for a socket than sock_diag does.
 */
#define PER_PROCESS 17
#define PAYS 3000
#define PAYS_LOADED 250
#define PAYS_TABLE 20000

#define MOST_PIDS (4u << 20) /* PID_MAX_LIMIT of the kernel */

/* Prefetch the memory of a record this many records ahead. */
#define AHEAD 8

/* A thread whose process has lost its leader, or that has a table of its own. */
struct apart {
	uint32_t pid, thread;
	uint64_t table;
};

struct kernel_scan {
	struct visit *visit;
	pid_t own;
	struct apart *apart;
	size_t count, room;
	bool leave; /* the table of this heading */
};

/* Has another thread shown these descriptors before? -1: no memory. */
static int met_again(struct kernel_scan *scan, const struct record_heading *heading)
{
	struct apart *apart;

	if (heading->thread == heading->pid)
		return 0;
	for (size_t i = 0; i < scan->count; i++)
		if (scan->apart[i].pid == heading->pid && scan->apart[i].table == heading->table)
			return scan->apart[i].thread != heading->thread;
	apart = census_grow(scan->apart, scan->count, &scan->room, sizeof(*apart));
	if (!apart)
		return -1;
	scan->apart = apart;
	apart[scan->count++] = (struct apart){heading->pid, heading->thread, heading->table};
	return 0;
}

static int host_of_inode(const struct census *census, uint32_t netns)
{
	for (size_t i = 0; i < census->host_count; i++)
		if (census->hosts[i]->netns.inode == netns)
			return (int)i;
	return -1;
}

static int enter(struct kernel_scan *scan, const struct record_heading *heading)
{
	struct visit *visit = scan->visit;
	int again = heading->pid ? met_again(scan, heading) : 1; /* 0: not in our pid namespace */

	scan->leave = again || (pid_t)heading->pid == scan->own;
	if (scan->leave)
		return again < 0 ? -1 : 0;
	if (visit->pid != (pid_t)heading->pid)
		visit->name[0] = '\0';
	visit->pid = (pid_t)heading->pid;
	visit->comm = heading->name;
	visit->task = (pid_t)heading->thread;
	visit->home = host_of_inode(visit->census, heading->netns);
	if (visit->home >= 0 && heading->thread == heading->pid && heading->pid < MOST_PIDS &&
	    visit->census->kernel.at_home)
		bit_set(visit->census->kernel.at_home, heading->pid);
	return 0;
}

static int meet(const struct kernel_scan *scan, const struct record *record)
{
	struct visit *visit = scan->visit;
	struct descriptor descriptor = {.fd = (int)(record->fd & ~RECORD_NAMESPACE)};
	char target[64];

	if (scan->leave)
		return 0;
	if (!(record->fd & RECORD_NAMESPACE))
		return visit_meet(visit, CENSUS_BY_DESCRIPTOR, descriptor.fd, record->inode);
	if (process_link(visit->pid, visit->task, descriptor.fd, target, sizeof(target)) < 0)
		return 0;
	descriptor.leads = leads_of(target, &descriptor.inode);
	return visit_descriptor(visit, &descriptor);
}

/* Usually it has the same namespace as the previous one. */
static void expect(const struct visit *visit, const struct record *record)
{
	if (visit->home >= 0)
		inodes_expect(&visit->census->hosts[visit->home]->inodes, record->inode);
}

static void forget_at_home(struct lister *kernel)
{
	free(kernel->at_home);
	kernel->at_home = NULL;
}

static int scan_part(struct kernel_scan *scan, const struct records *records, size_t at)
{
	const struct record *record = records->record + at, *end = records->record + records->count;
	struct record_heading heading;
	int result;

	memcpy(&heading, record, sizeof(heading));
	result = enter(scan, &heading);
	for (record += RECORDS_OF_HEADING; record < end && record->fd != RECORD_HEADING; record++) {
		if (AHEAD < end - record)
			expect(scan->visit, record + AHEAD);
		if (result == 0)
			result = meet(scan, record);
	}
	return result;
}

int kernel_scan(struct visit *visit, struct error *error)
{
	struct kernel_scan scan = {.visit = visit, .own = getpid()};
	struct lister *kernel = &visit->census->kernel;
	struct record_part *parts;
	int result = 0;
	size_t count;

	visit->home = -1;
	forget_at_home(kernel);
	kernel->at_home = calloc(1, MOST_PIDS / 8);
	parts = records_by_process(&kernel->records, &count);
	for (size_t i = 0; parts && i < count && result == 0; i++)
		result = scan_part(&scan, &kernel->records, parts[i].at);
	result = parts ? result : -1;
	free(parts);
	free(scan.apart);
	visit->comm = NULL;
	return result < 0 ? error_no_memory(error) : 0;
}

void census_ask_for_owners(struct census *census, enum census_ask ask)
{
	census->ask = ask;
}

static int one_process(void *data, int pid)
{
	int64_t *sockets = data;

	(void)pid;
	*sockets += PER_PROCESS;
	return *sockets >= PAYS;
}

static bool is_asked(const struct census *census)
{
	const struct lister *kernel = &census->kernel;
	int64_t sockets = 0;

	if (census->ask == CENSUS_ASK_KERNEL)
		return true;
	if (census->ask == CENSUS_ASK_PROC || kernel->refused)
		return false;
	for (size_t i = 0; i < census->host_count; i++)
		sockets += host_sockets(census->hosts[i]);
	if (sockets < PAYS)
		proc_numbers("/proc", one_process, &sockets);
	return sockets >= (kernel->owners ? PAYS_LOADED : PAYS);
}

/* Runs in its own thread while the socket tables are dumped. */
static void *list(void *data)
{
	struct lister *kernel = data;

	if (!kernel->owners)
		kernel->owners = bpf_owners_new();
	kernel->refused =
	    kernel->owners ? bpf_owners_list(kernel->owners, &kernel->records) : errno;
	return NULL;
}

bool kernel_knows_at_home(const struct census *census, pid_t pid)
{
	return census->kernel.asked && census->kernel.at_home && (uint32_t)pid < MOST_PIDS &&
	       bit_is_set(census->kernel.at_home, (unsigned int)pid);
}

void kernel_begin(struct census *census)
{
	struct lister *kernel = &census->kernel;

	forget_at_home(kernel);

	kernel->asked = is_asked(census);
	if (!kernel->asked)
		return;
	kernel->running = pthread_create(&kernel->thread, NULL, list, kernel) == 0;
	if (!kernel->running)
		list(kernel);
}

int kernel_has_told(struct census *census, bool second, struct error *error)
{
	if (second && census->kernel.asked && !census->kernel.refused)
		list(&census->kernel);
	kernel_end(census);
	if (!census->kernel.asked || !census->kernel.refused)
		return census->kernel.asked;
	return census->ask != CENSUS_ASK_KERNEL
		   ? 0
		   : error_set(error, EXIT_CANNOT,
			       "owners by BPF: %s; they need root (CAP_BPF and CAP_PERFMON), the "
			       "/proc of our pid namespace, and Linux 5.17 with "
			       "CONFIG_DEBUG_INFO_BTF: use "
			       "--owners proc",
			       strerror(census->kernel.refused));
}

struct bpf_connections *kernel_connections(struct census *census, const struct census_host *host)
{
	struct lister *kernel = &census->kernel;

	if (!kernel->asked || (census->ask != CENSUS_ASK_KERNEL && host_sockets(host) < PAYS_TABLE))
		return NULL;
	if (!kernel->connections && !kernel->no_connections)
		kernel->connections = bpf_connections_new();
	kernel->no_connections = !kernel->connections;
	return kernel->connections;
}

void kernel_end(struct census *census)
{
	if (census->kernel.running)
		pthread_join(census->kernel.thread, NULL);
	census->kernel.running = false;
}

void kernel_free(struct census *census)
{
	bpf_owners_free(census->kernel.owners);
	bpf_connections_free(census->kernel.connections);
	free(census->kernel.records.record);
	forget_at_home(&census->kernel);
}
