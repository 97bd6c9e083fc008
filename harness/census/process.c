/* SPDX-License-Identifier: MIT */
/* Reads from /proc a process's network namespace, its name, and whether it can hold files. */
#include "census/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COMM_WHOLE 15 /* TASK_COMM_LEN - 1: a name of this length may be cut off */
/* include/linux/sched.h */
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

static int netns_of(const char *path, struct netns_id *id)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -1;
	*id = (struct netns_id){st.st_dev, st.st_ino};
	return 0;
}

int proc_numbers(const char *path, int (*each)(void *data, int number), void *data)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int result = 0;

	while (directory && result == 0 && (entry = readdir(directory)))
		if (isdigit((unsigned char)entry->d_name[0]))
			result = each(data, atoi(entry->d_name));
	if (directory)
		closedir(directory);
	return result;
}

int process_threads(pid_t pid, int (*each)(void *data, pid_t thread), void *data)
{
	char path[64];
	struct stat task;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	/* A directory has two links plus one for each subdirectory: the threads (proc(5)). */
	if (lstat(path, &task) == 0 && task.st_nlink == 3)
		return each(data, pid);
	return proc_numbers(path, each, data);
}

struct netns_search {
	pid_t pid;
	char *path;
	size_t size;
	struct netns_id id;
};

static int search_thread(void *data, pid_t thread)
{
	struct netns_search *search = data;

	snprintf(search->path, search->size, "/proc/%d/task/%d/ns/net", search->pid, thread);
	return netns_of(search->path, &search->id) == 0;
}

static int search_leader(struct netns_search *search)
{
	snprintf(search->path, search->size, "/proc/%d/ns/net", search->pid);
	return netns_of(search->path, &search->id);
}

static int search_process(struct netns_search *search)
{
	if (search_leader(search) == 0)
		return 0;
	if (errno != ENOENT) /* a leader that has ended has none */
		return -1;
	if (process_threads(search->pid, search_thread, search))
		return 0;
	return search_leader(search); /* execve(2) of another thread makes that the leader */
}

int process_netns_path(pid_t pid, char *path, size_t size)
{
	struct netns_search search = {.pid = pid, .path = path, .size = size};

	return search_process(&search);
}

int process_netns(pid_t pid, struct netns_id *id)
{
	char path[64];
	struct netns_search search = {.pid = pid, .path = path, .size = sizeof(path)};
	int result = search_process(&search);

	*id = search.id;
	return result;
}

void process_read(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, size - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
}

/* A process names itself: its name may contain a newline or control the reader's terminal. */
static void replace_controls(char *name)
{
	for (unsigned char *byte = (unsigned char *)name; *byte; byte++)
		if (*byte < ' ' || *byte == 0x7f)
			*byte = '?';
		else if (*byte == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0) /* U+0080 to U+009F */
			*byte = byte[1] = '?';
}

int process_link(pid_t pid, pid_t task, int fd, char *target, size_t size)
{
	char path[96];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", pid, task, fd);
	length = readlink(path, target, size - 1);
	target[length > 0 ? length : 0] = '\0';
	return length < 0 ? -1 : 0;
}

/*
 * An extended attribute of sockfs holds the protocol of a socket; reading it needs no more
 * permission than listing the descriptors.
 */
enum protocol descriptor_protocol(pid_t pid, pid_t task, int fd)
{
	static const char *const tcp[] = {"TCP", "TCPv6", "MPTCP", "MPTCPv6"};
	char path[96], name[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd/%d", pid, task, fd);
	length = getxattr(path, "system.sockprotoname", name, sizeof(name) - 1);
	if (length < 0)
		return errno == EACCES || errno == EPERM ? PROTOCOL_REFUSED : PROTOCOL_OTHER;
	name[length] = '\0';
	for (size_t i = 0; i < sizeof(tcp) / sizeof(tcp[0]); i++)
		if (!strcmp(name, tcp[i]))
			return PROTOCOL_TCP;
	return !strncmp(name, "UNIX", 4) ? PROTOCOL_UNIX : PROTOCOL_OTHER;
}

void process_whole_name(const char *comm, const char *argument0, char *name, size_t size)
{
	const char *slash = strrchr(argument0, '/');
	const char *base = slash ? slash + 1 : argument0;
	size_t length = strlen(comm);

	snprintf(name, size, "%s",
		 length == COMM_WHOLE && !strncmp(base, comm, length) ? base : comm);
	replace_controls(name);
}

void process_name_of(pid_t pid, const char *comm, char *name, size_t size)
{
	char argument0[4096];

	argument0[0] = '\0';
	if (strlen(comm) == COMM_WHOLE) /* it may be cut off; arguments end with NUL */
		process_read(pid, "cmdline", argument0, sizeof(argument0));
	process_whole_name(comm, argument0, name, size);
}

void process_name(pid_t pid, char *name, size_t size)
{
	char comm[64];
	size_t length;

	process_read(pid, "comm", comm, sizeof(comm));
	length = strlen(comm);
	if (length && comm[length - 1] == '\n')
		comm[length - 1] = '\0';
	process_name_of(pid, comm, name, size);
}

/* "pid (comm) state ppid pgrp session tty tpgid flags"; comm may contain ") Z". */
static bool read_state(const char *stat, char *state, unsigned int *flags)
{
	const char *end = strrchr(stat, ')');

	return end && sscanf(end, ") %c %*d %*d %*d %*d %*d %u", state, flags) == 2;
}

static bool is_over(char state, unsigned int flags)
{
	return state == 'Z' || state == 'X' || (flags & PF_EXITING);
}

bool process_stat_may_hold(const char *stat, bool threads)
{
	unsigned int flags;
	char state;

	if (!read_state(stat, &state, &flags))
		return true; /* unknown: report it as unreadable */
	return (threads || !is_over(state, flags)) && !(flags & PF_KTHREAD);
}

bool process_may_hold(pid_t pid)
{
	char stat[1024], path[64];
	struct stat task;

	process_read(pid, "stat", stat, sizeof(stat));
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return stat[0] && process_stat_may_hold(stat, !lstat(path, &task) && task.st_nlink > 3);
}

bool task_has_ended(pid_t pid, pid_t task)
{
	char stat[1024], state;
	unsigned int flags;

	process_read(task, "stat", stat, sizeof(stat));
	if (!read_state(stat, &state, &flags))
		return syscall(SYS_tgkill, pid, task, 0) < 0 && errno == ESRCH;
	return is_over(state, flags);
}

/* The threads of a process, listed twice. */
struct threads {
	pid_t pid;
	pid_t *first;
	size_t count, room;
	size_t next, seen; /* of the second listing */
};

static int note_ended(void *data, pid_t thread)
{
	struct threads *threads = data;
	pid_t *first =
	    census_grow(threads->first, threads->count, &threads->room, sizeof(*threads->first));

	if (!first)
		return 1;
	threads->first = first;
	if (!task_has_ended(threads->pid, thread))
		return 1;
	first[threads->count++] = thread;
	return 0;
}

static int note_again(void *data, pid_t thread)
{
	struct threads *threads = data;

	while (threads->next < threads->count && threads->first[threads->next] != thread)
		threads->next++;
	threads->seen++;
	return threads->next == threads->count || !task_has_ended(threads->pid, thread);
}

/*
 * One listing does not suffice: a thread that is not in it any more may have become the leader, by
 * execve(2), and one that is ending may have made another. The second one shows both.
 */
bool process_has_ended(pid_t pid)
{
	struct threads threads = {.pid = pid};
	struct stat task;
	char path[64];
	bool ended = task_has_ended(pid, pid) && process_threads(pid, note_ended, &threads) == 0 &&
		     process_threads(pid, note_again, &threads) == 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	/* A listing ends early at a thread that ends meanwhile. */
	if (ended && lstat(path, &task) == 0 && task.st_nlink > threads.seen + 2)
		ended = false;
	free(threads.first);
	return ended;
}
