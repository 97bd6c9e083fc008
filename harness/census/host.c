/* SPDX-License-Identifier: MIT */
/* A session and its hosts: opens files once in each namespace, and reads them for each count. */
#include "census/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/hash.h"

#define TRIES 100 /* to open a namespace while leaders end */

/* Runs inside the host's namespace. */
static int open_host(void *data, struct error *error)
{
	struct census_host *host = data;

	if (source_open(&host->source, error) < 0)
		return -1;
	host->snmp = open("/proc/thread-self/net/snmp", O_RDONLY | O_CLOEXEC);
	host->netstat = open("/proc/thread-self/net/netstat", O_RDONLY | O_CLOEXEC);
	host->sockstat = open("/proc/thread-self/net/sockstat", O_RDONLY | O_CLOEXEC);
	host->sockstat6 = open("/proc/thread-self/net/sockstat6", O_RDONLY | O_CLOEXEC);
	host->port_range = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);
	return 0;
}

void host_read_ephemeral(struct census_host *host)
{
	char text[64];

	if (read_again(host->port_range, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%u %u", &host->first_ephemeral, &host->last_ephemeral) != 2) {
		host->first_ephemeral = 32768; /* the kernel's default */
		host->last_ephemeral = 60999;
	}
}

int host_read_counters(const struct census_host *host, struct census_counters *counters,
		       struct error *error)
{
	char text[16384];

	counters->count = 0;
	if (read_again(host->snmp, text, sizeof(text)) > 0)
		census_counters_parse(counters, text, "Tcp:");
	if (read_again(host->netstat, text, sizeof(text)) > 0)
		census_counters_parse(counters, text, "TcpExt:");
	return counters->count
		   ? 0
		   : error_set(
			 error, EXIT_CANNOT,
			 "cannot read the TCP counters of host %s from /proc/net/snmp: mount /proc",
			 host->name);
}

/* The number after "@line ... @word" in @text, or 0 when it is missing. */
static int64_t number_after(const char *text, const char *line, const char *word)
{
	const char *at = strstr(text, line);

	at = at ? strstr(at, word) : NULL;
	return at ? atoll(at + strlen(word)) : 0;
}

int64_t host_sockets(const struct census_host *host)
{
	char text[8192];
	int64_t sockets = 0;

	if (read_again(host->sockstat, text, sizeof(text)) > 0)
		sockets += number_after(text, "TCP:", " inuse ");
	if (read_again(host->sockstat6, text, sizeof(text)) > 0)
		sockets += number_after(text, "TCP6:", " inuse ");
	return sockets;
}

static void parse_segments(const char *snmp, int64_t value[PULSE_SEGMENTS])
{
	static const char *const names[PULSE_SEGMENTS] = {"ActiveOpens", "InSegs", "OutSegs",
							  "CurrEstab", "AttemptFails"};
	struct census_counters tcp = {0};

	census_counters_parse(&tcp, snmp, "Tcp:");
	for (size_t i = 0; i < PULSE_SEGMENTS; i++) {
		int at = census_counter_find(&tcp, names[i], strlen(names[i]));

		value[i] = at < 0 ? 0 : tcp.counter[at].value;
	}
}

int census_pulse(const struct census *census, size_t index, struct census_pulse *pulse,
		 struct error *error)
{
	const struct census_host *host = census->hosts[index];
	const struct census_pulse last = *pulse;
	char text[8192];

	if (read_again(host->snmp, text, sizeof(text)) <= 0)
		return error_set(error, EXIT_CANNOT, "cannot read /proc/net/snmp of host %s",
				 host->name);
	/* Mostly nothing has happened; then there is nothing to parse. */
	pulse->snmp = hash_text(HASH_BEGIN, text);
	if (pulse->snmp != last.snmp)
		parse_segments(text, pulse->segments);
	if (read_again(host->sockstat, text, sizeof(text)) > 0) {
		pulse->sockets = number_after(text, "TCP:", " inuse ");
		pulse->timewaits = number_after(text, "TCP:", " tw ");
	}
	if (read_again(host->sockstat6, text, sizeof(text)) > 0)
		pulse->sockets6 = number_after(text, "TCP6:", " inuse ");
	return pulse->sockets != last.sockets || pulse->timewaits != last.timewaits ||
	       pulse->sockets6 != last.sockets6 ||
	       memcmp(pulse->segments, last.segments, sizeof(last.segments)) != 0;
}

struct census *census_new(void)
{
	struct census *census = calloc(1, sizeof(*census));

	if (census)
		census->window = census_window_new();
	if (census && !census->window) {
		free(census);
		return NULL;
	}
	return census;
}

static void host_free(struct census_host *host)
{
	const int fds[] = {host->snmp, host->netstat, host->sockstat, host->sockstat6,
			   host->port_range};

	source_close(&host->source);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	inodes_free(&host->inodes);
	port_index_free(&host->row_index);
	port_index_free(&host->owner_index);
	free(host->remotes.slot);
	free(host);
}

void census_drop_hosts(struct census *census)
{
	for (size_t i = 0; i < census->host_count; i++)
		host_free(census->hosts[i]);
	census->host_count = 0;
}

void census_free(struct census *census)
{
	if (!census)
		return;
	census_drop_hosts(census);
	kernel_free(census);
	for (size_t i = 0; i < census->process_count; i++)
		close(census->processes[i].pidfd);
	inodes_free(&census->elsewhere);
	inodes_free(&census->second);
	inodes_free(&census->memory);
	free(census->candidates);
	free(census->places);
	free(census->scope.prefixes);
	free(census->hosts);
	free(census->processes);
	census_window_free(census->window);
	free(census);
}

static bool has_ended(const struct census_process *process)
{
	struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};

	/* Its threads close its descriptors before pidfd_open(2) says that it ended. */
	return poll(&ended, 1, 0) == 1 || process_has_ended(process->pid);
}

/* Why the namespace of a process cannot be seen. */
static int say_why(const struct census_process *process, struct error *error)
{
	char why[192];

	if (has_ended(process))
		return error_set(error, EXIT_ENDED, "process %d has ended", process->pid);
	process_refusal(process->pid, why, sizeof(why));
	return error_set(error, EXIT_CANNOT, "cannot inspect process %d: %s", process->pid, why);
}

/* A leader may end between the two steps; then another thread has the namespace. */
static int visit_netns_of(const struct census_process *process, struct census_host *host,
			  struct error *error)
{
	char path[64];
	int tries = 0;

	while (tries++ < TRIES && process_netns_path(process->pid, path, sizeof(path)) == 0) {
		if (netns_visit(path, &host->netns, open_host, host, error) == 0)
			return 0;
		if (host->netns.inode) /* it was found, but not entered */
			return -1;
	}
	return tries > TRIES ? -1 : say_why(process, error);
}

int census_add_host(struct census *census, const char *name, const char *netns, struct error *error)
{
	struct census_host *host = calloc(1, sizeof(*host));
	struct census_host **hosts =
	    reallocarray(census->hosts, census->host_count + 1, sizeof(*hosts));
	int result;

	if (hosts)
		census->hosts = hosts;
	if (!host || !hosts) {
		free(host);
		return error_no_memory(error);
	}
	host->snmp = host->netstat = host->sockstat = host->sockstat6 = host->port_range = -1;
	host->source = (struct source){.tcp = -1, .tcp6 = -1, .protocols = -1};
	snprintf(host->name, sizeof(host->name), "%s", name);
	if (!netns && census->process_count)
		result = visit_netns_of(&census->processes[0], host, error);
	else
		result = netns_visit(netns ? netns : "/proc/thread-self/ns/net", &host->netns,
				     open_host, host, error);
	if (result < 0) {
		host_free(host);
		return -1;
	}
	census->hosts[census->host_count++] = host;
	return 0;
}

int census_add_process(struct census *census, pid_t pid, struct error *error)
{
	struct census_process *processes;
	struct census_process process = {.pid = pid};
	struct netns_id id;

	for (size_t i = 0; i < census->process_count; i++)
		if (census->processes[i].pid == pid)
			return 0; /* we would visit it twice and count all it holds twice */
	processes = reallocarray(census->processes, census->process_count + 1, sizeof(*processes));
	if (!processes)
		return error_no_memory(error);
	census->processes = processes;
	/* Kept while we count: a later process with this number is another one (see owner.c). */
	process.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process.pidfd < 0 && errno == ENOSYS)
		return error_set(error, EXIT_CANNOT, "--pid needs Linux 5.3 (pidfd_open)");
	if (process.pidfd < 0)
		return error_set(error, errno == ESRCH ? EXIT_ENDED : EXIT_USAGE,
				 "cannot watch process %d: %s", pid, strerror(errno));
	if (process_netns(pid, &id) < 0 && errno != ENOENT) {
		say_why(&process, error);
		close(process.pidfd);
		return -1;
	}
	processes[census->process_count++] = process;
	return 0;
}

void census_allow_copies(struct census *census)
{
	census->copies = true;
}

pid_t census_ended(const struct census *census)
{
	for (size_t i = 0; i < census->process_count; i++)
		if (has_ended(&census->processes[i]))
			return census->processes[i].pid;
	return 0;
}

void census_tell_ends(struct census *census, enum census_ends ends)
{
	census->ends = ends;
}

int host_of(const struct census *census, const struct netns_id *id)
{
	for (size_t i = 0; i < census->host_count; i++)
		if (census->hosts[i]->netns.device == id->device &&
		    census->hosts[i]->netns.inode == id->inode)
			return (int)i;
	return -1;
}

int census_ready(struct census *census, struct error *error)
{
	for (size_t i = 0; i < census->process_count; i++) {
		pid_t pid = census->processes[i].pid;
		struct netns_id id;
		int host;

		if (process_netns(pid, &id) < 0)
			return say_why(&census->processes[i], error);
		host = host_of(census, &id);
		if (host < 0)
			return error_set(error, EXIT_USAGE,
					 "process %d is in none of the network namespaces "
					 "counted: name its own with --host",
					 pid);
		census->processes[i].home = (size_t)host;
	}
	return 0;
}

size_t census_host_count(const struct census *census)
{
	return census->host_count;
}

const char *census_host_name(const struct census *census, size_t host)
{
	return census->hosts[host]->name;
}
