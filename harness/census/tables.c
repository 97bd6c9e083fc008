/* SPDX-License-Identifier: MIT */
/*
 * The descriptor tables of a process. Its threads nearly always share one. But a thread can have
 * its own (unshare(CLONE_FILES)), and a leader that has ended with pthread_exit() has none, while
 * the process lives on in its other threads.
 */
#include "census/internal.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/hash.h"

#define MOST_TABLES 64 /* distinguished; beyond that we look at threads one by one */
#define READINGS 3 /* of a content */

/* Without kcmp(2) two tables are the same when the same numbers lead to the same files. */
struct table {
	pid_t task;
	uint64_t content;
};

struct tables {
	pid_t pid;
	int (*each)(void *data, pid_t task, DIR *directory);
	void *data;
	bool *refused;
	bool vanished;
	struct table known[MOST_TABLES];
	size_t count;
};

static uint64_t content(DIR *directory)
{
	struct dirent *entry;
	uint64_t sum = 1;

	while ((entry = readdir(directory))) {
		char target[64];
		ssize_t length =
		    readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		target[length > 0 ? length : 0] = '\0';
		sum += hash_text(hash_text(HASH_BEGIN, entry->d_name), target);
	}
	return sum;
}

static uint64_t content_of(const struct tables *tables, pid_t task)
{
	char path[64];
	DIR *directory;
	uint64_t sum;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", tables->pid, task);
	directory = opendir(path);
	if (!directory)
		return 1; /* like that of an empty one */
	sum = content(directory);
	closedir(directory);
	return sum;
}

/* An earlier reading may be stale: only two readings in a row prove a difference. */
static bool same_content(const struct tables *tables, struct table *table, struct table *other)
{
	for (int i = 0; i < READINGS; i++) {
		if (i || !other->content)
			other->content = content_of(tables, other->task);
		if (i || !table->content)
			table->content = content_of(tables, table->task);
		if (table->content == other->content)
			return true;
	}
	return false;
}

/* True when a thread looked at before has the table of @task, too. */
static bool known(struct tables *tables, pid_t task)
{
	struct table table = {task, 0};

	for (size_t i = 0; i < tables->count; i++) {
		struct table *other = &tables->known[i];
		/* Needs no more permission than reading the descriptors, but Docker's seccomp
		 * filter forbids it. */
		long differs = syscall(SYS_kcmp, task, other->task, KCMP_FILES, 0, 0);

		if (differs == 0)
			return true;
		if (differs < 0 && same_content(tables, &table, other))
			return true;
	}
	if (tables->count < MOST_TABLES)
		tables->known[tables->count++] = table;
	return false;
}

/* An empty table matters to nobody. A leader that has ended has none; any other may be gone by now. */
static void forget(struct tables *tables, pid_t task)
{
	if (tables->count && tables->known[tables->count - 1].task == task)
		tables->count--;
	tables->vanished |= task != tables->pid;
}

static int look_at_task(void *data, pid_t task)
{
	struct tables *tables = data;
	char path[64];
	DIR *directory;
	int result = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fd", tables->pid, task);
	directory = opendir(path);
	if (!directory) {
		tables->vanished |= errno == ENOENT;
		*tables->refused |=
		    (errno == EACCES || errno == EPERM) && !task_has_ended(tables->pid, task);
		return 0;
	}
	if (!known(tables, task)) {
		result = tables->each(tables->data, task, directory);
		if (result == 0)
			forget(tables, task);
	}
	closedir(directory);
	return result < 0 ? -1 : 0;
}

/*
 * Whether a table may be missing, or have been read twice: the thread that stands for it has ended
 * since, or become the leader, by execve(2). The table of a leader alone ends with the process.
 */
static bool is_doubtful(const struct tables *tables)
{
	if (!tables->count)
		return tables->vanished;
	for (size_t i = 0; i < tables->count; i++)
		if ((tables->count > 1 || tables->known[i].task != tables->pid) &&
		    task_has_ended(tables->pid, tables->known[i].task))
			return true;
	return false;
}

int process_tables(pid_t pid, int (*each)(void *data, pid_t task, DIR *directory), void *data,
		   bool *refused)
{
	struct tables tables = {.pid = pid, .each = each, .data = data, .refused = refused};

	return process_threads(pid, look_at_task, &tables) < 0 ? -1 : is_doubtful(&tables);
}
