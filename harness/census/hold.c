/* SPDX-License-Identifier: MIT */
/*
 * Lists everything that processes hold: the links of their descriptors, and for TCP sockets the
 * addresses and the state. This is the one place that lists what a process has open.
 */
#include "census/internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOST_NAMES 1000 /* entries for a process; the rest are counted by kind */

struct details {
	struct census_socket *socket; /* by inode */
	size_t count, room;
	bool no_memory;
};

struct looking {
	struct details *details;
	struct census_process_view *view;
	size_t room, timer_room;
	bool refused;
};

void held_from_target(const char *target, struct census_held *held)
{
	static const char *const renamed[][2] = {{"eventpoll", "epoll"}};
	const char *inner = !strncmp(target, "anon_inode:", 11) ? target + 11 : NULL;

	*held = (struct census_held){.count = 1};
	if (inner) {
		inner += *inner == '[';
		snprintf(held->kind, sizeof(held->kind), "%.*s", (int)strcspn(inner, "]"), inner);
		for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
			if (!strcmp(held->kind, renamed[i][0]))
				strcpy(held->kind, renamed[i][1]);
		return;
	}
	snprintf(held->name, sizeof(held->name), "%s", target);
	if (!strncmp(target, "/dev/", 5))
		strcpy(held->kind, "device");
	else if (!strncmp(target, "/memfd:", 7))
		strcpy(held->kind, "memfd");
	else if (*target == '/')
		strcpy(held->kind, "file");
	else if (!strncmp(target, "pipe:[", 6))
		strcpy(held->kind, "pipe");
	else if (!strncmp(target, "socket:[", 8))
		strcpy(held->kind, "socket");
	else /* "net:[4026531840]" */
		strcpy(held->kind, strstr(target, ":[") ? "namespace" : "other");
}

bool timer_from(const char *fdinfo, struct census_timer *timer)
{
	const char *value = strstr(fdinfo, "it_value:");
	const char *interval = strstr(fdinfo, "it_interval:");
	unsigned long long seconds, ns, every = 0, every_ns = 0;

	if (!value || sscanf(value, "it_value: (%llu, %llu)", &seconds, &ns) != 2)
		return false;
	if (interval)
		sscanf(interval, "it_interval: (%llu, %llu)", &every, &every_ns);
	timer->due_ms = (int64_t)(seconds % (INT64_MAX / 2000) * 1000 + ns / 1000000);
	timer->every_ms = (int64_t)(every % (INT64_MAX / 2000) * 1000 + every_ns / 1000000);
	return seconds || ns;
}

static void collect(const struct census_socket *socket, void *data)
{
	struct details *details = data;
	struct census_socket *sockets;

	if (!socket->inode)
		return;
	sockets = census_grow(details->socket, details->count, &details->room, sizeof(*sockets));
	details->no_memory |= !sockets;
	if (!sockets)
		return;
	details->socket = sockets;
	sockets[details->count++] = *socket;
}

static void begin(void *data)
{
	(void)data; /* a socket that a repeated dump lists twice is kept once */
}

static int by_inode(const void *a, const void *b)
{
	uint32_t x = ((const struct census_socket *)a)->inode;
	uint32_t y = ((const struct census_socket *)b)->inode;

	return x < y ? -1 : x > y;
}

static void name_socket(struct looking *looking, pid_t task, int fd, struct census_held *held)
{
	const struct census_socket *socket = NULL;
	struct census_socket wanted = {0};
	char local[INET6_ADDRSTRLEN] = "?", peer[INET6_ADDRSTRLEN] = "?", path[96];
	ssize_t length;

	sscanf(held->name, "socket:[%u]", &wanted.inode);
	if (looking->details->count)
		socket = bsearch(&wanted, looking->details->socket, looking->details->count,
				 sizeof(wanted), by_inode);
	if (!socket) { /* gone, or of another protocol, which its attribute names */
		snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", looking->view->pid, task,
			 fd);
		length = getxattr(path, "system.sockprotoname", held->name, sizeof(held->name) - 1);
		held->name[length > 0 ? length : 0] = '\0';
		if (descriptor_protocol(looking->view->pid, task, fd) == PROTOCOL_TCP)
			strcpy(held->name, "TCP, in no table: gone or never connected");
		return;
	}
	inet_ntop(socket->family, socket->address, local, sizeof(local));
	inet_ntop(socket->family, socket->peer, peer, sizeof(peer));
	if (socket->state == STATE_LISTEN) {
		strcpy(held->kind, "listener");
		snprintf(held->name, sizeof(held->name), "%s port %u", local, socket->port);
		return;
	}
	snprintf(held->name, sizeof(held->name), "%s port %u to %s port %u %s", local, socket->port,
		 peer, socket->peer_port, state_name(socket->state));
}

static int look_at_timer(struct looking *looking, pid_t task, int fd)
{
	struct census_process_view *view = looking->view;
	struct census_timer timer = {.descriptor = fd}, *timers;
	char file[64], text[512];

	snprintf(file, sizeof(file), "task/%d/fdinfo/%d", task, fd);
	process_read(view->pid, file, text, sizeof(text));
	if (!timer_from(text, &timer))
		return 0;
	timers =
	    census_grow(view->timers, view->timer_count, &looking->timer_room, sizeof(*timers));
	if (!timers)
		return -1;
	view->timers = timers;
	timers[view->timer_count++] = timer;
	return 0;
}

static int look_at_table(void *data, pid_t task, DIR *directory)
{
	struct looking *looking = data;
	struct census_process_view *view = looking->view;
	struct dirent *entry;
	int found = 0;

	while ((entry = readdir(directory))) {
		struct census_held held, *all;
		int fd = atoi(entry->d_name);
		char target[192];

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    process_link(view->pid, task, fd, target, sizeof(target)) < 0)
			continue;
		held_from_target(target, &held);
		if (!strcmp(held.kind, "socket"))
			name_socket(looking, task, fd, &held);
		if (!strcmp(held.kind, "timerfd") && look_at_timer(looking, task, fd) < 0)
			return -1;
		all = census_grow(view->held, view->held_count, &looking->room, sizeof(*all));
		if (!all)
			return -1;
		view->held = all;
		all[view->held_count++] = held;
		found++;
	}
	return found;
}

static int by_kind_and_name(const void *a, const void *b)
{
	const struct census_held *x = a, *y = b;
	int order = strcmp(x->kind, y->kind);

	return order ? order : strcmp(x->name, y->name);
}

/* Sort, and count equal things; after the first names, things of one kind are all equal. */
static void fold(struct census_process_view *view)
{
	struct census_held *all = view->held;
	size_t kept = 0;

	if (!view->held_count)
		return;
	qsort(all, view->held_count, sizeof(*all), by_kind_and_name);
	for (size_t i = 1; i < view->held_count; i++) {
		struct census_held *last = &all[kept];

		if (kept >= MOST_NAMES && !strcmp(last->kind, all[i].kind)) {
			last->name[0] = '\0';
			last->count++;
		} else if (!by_kind_and_name(last, &all[i])) {
			last->count++;
		} else {
			all[++kept] = all[i];
		}
	}
	view->held_count = kept + 1;
}

static int view_process(struct census_snapshot *snapshot, struct details *details, pid_t pid)
{
	struct census_process_view *views = census_grow(snapshot->views, snapshot->view_count,
							&snapshot->view_room, sizeof(*views));
	struct census_process_view *view;
	struct looking looking = {.details = details};

	if (!views)
		return -1;
	snapshot->views = views;
	view = looking.view = &views[snapshot->view_count++];
	*view = (struct census_process_view){.pid = pid};
	process_name(pid, view->process, sizeof(view->process));
	if (process_tables(pid, look_at_table, &looking, &looking.refused) < 0)
		return -1;
	if (looking.refused)
		process_refusal(pid, view->unreadable, sizeof(view->unreadable));
	fold(view);
	return view_waits(view);
}

void views_clear(struct census_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->view_count; i++) {
		free(snapshot->views[i].held);
		free(snapshot->views[i].waits);
		free(snapshot->views[i].timers);
	}
	snapshot->view_count = 0;
}

/* The host in which @pid lives, or -1. */
static int home_of(const struct census *census, pid_t pid)
{
	struct netns_id id;
	int home = -1;

	if (pid != getpid() && process_netns(pid, &id) == 0)
		home = host_of(census, &id);
	return home >= 0 && process_may_hold(pid) ? home : -1;
}

struct viewing {
	struct census *census;
	struct census_snapshot *snapshots;
	struct details *details;
};

static int view_at_home(void *data, pid_t pid)
{
	struct viewing *viewing = data;
	int home = home_of(viewing->census, pid);

	return home < 0 ? 0 : view_process(&viewing->snapshots[home], viewing->details, pid);
}

int census_views(struct census *census, const struct census_needs *needs,
		 struct census_snapshot *snapshots, struct error *error)
{
	struct details details = {0};
	const struct census_sink sink = {begin, collect, &details};
	struct viewing viewing = {census, snapshots, &details};
	int result = 0;

	for (size_t i = 0; i < census->host_count && result == 0; i++) {
		bool interrupted, mptcp;

		result = source_dump(&census->hosts[i]->source, NULL,
				     needs->states & ~STATE_BIT(STATE_TIME_WAIT), &sink,
				     &interrupted, &mptcp, error);
	}
	if (result < 0) {
		free(details.socket);
		return -1;
	}
	if (details.count)
		qsort(details.socket, details.count, sizeof(*details.socket), by_inode);
	if (!census->process_count && !details.no_memory)
		result = proc_numbers("/proc", view_at_home, &viewing);
	for (size_t i = 0; i < census->process_count && result == 0; i++)
		result = view_process(&snapshots[census->processes[i].home], &details,
				      census->processes[i].pid);
	free(details.socket);
	return result < 0 || details.no_memory ? error_no_memory(error) : 0;
}
