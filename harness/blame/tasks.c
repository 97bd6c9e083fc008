/* SPDX-License-Identifier: MIT */
/* Threads, and what they share, copy and inherit: tables of descriptors, and mappings. */
#include "blame/internal.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

static struct task *buckets[BUCKETS];
static size_t tasks;

struct task *task_find(pid_t tid)
{
	struct task *task = buckets[(unsigned int)tid % BUCKETS];

	while (task && task->tid != tid)
		task = task->next;
	return task;
}

struct task *task_get(pid_t tid)
{
	struct task *task = task_find(tid), **bucket = &buckets[(unsigned int)tid % BUCKETS];

	if (task)
		return task;
	task = calloc(1, sizeof(*task));
	if (!task)
		return NULL;
	task->tid = task->process = tid;
	task->next = *bucket;
	*bucket = task;
	tasks++;
	return task;
}

size_t task_count(void)
{
	return tasks;
}

void task_each(void (*each)(void *data, struct task *task), void *data)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct task *task = buckets[i]; task; task = task->next)
			each(data, task);
}

static struct maps *maps_new(const struct maps *like)
{
	struct maps *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return NULL;
	maps->users = 1;
	if (like && like->count) {
		maps->mapping = malloc(like->count * sizeof(*maps->mapping));
		if (maps->mapping) {
			memcpy(maps->mapping, like->mapping, like->count * sizeof(*maps->mapping));
			maps->count = maps->room = like->count;
		}
	}
	return maps;
}

static void maps_leave(struct maps *maps)
{
	if (!maps || --maps->users > 0)
		return;
	free(maps->mapping);
	free(maps);
}

int task_begin(struct task *task)
{
	task->known = true;
	task->table = table_new();
	task->maps = maps_new(NULL);
	return task->table && task->maps ? 0 : -1;
}

struct task *task_learn(pid_t process, pid_t tid)
{
	struct task *task = task_find(tid), *first;

	if (task)
		return task;
	first = tid == process ? NULL : task_learn(process, process);
	task = tid == process || first ? task_get(tid) : NULL;
	if (!task)
		return NULL;
	task->known = true;
	task->process = process;
	if (first) {
		task->table = first->table;
		task->maps = first->maps;
		task->table->users++;
		task->maps->users++;
	} else if (task_begin(task) < 0) {
		task_end(task);
		return NULL;
	}
	return task;
}

int task_fork(struct task *parent, struct task *child, uint64_t flags, const struct touch *touch)
{
	child->known = true;
	child->process = flags & CLONE_THREAD ? parent->process : child->tid;
	if (flags & CLONE_FILES) {
		child->table = parent->table;
		child->table->users++;
	} else {
		child->table = table_copy(parent->table);
		if (child->table) /* it may keep open what the other has closed */
			parent->table->forked = child->table->forked = *touch;
	}
	if (flags & CLONE_VM) {
		child->maps = parent->maps;
		child->maps->users++;
	} else {
		child->maps = maps_new(parent->maps);
	}
	return child->table && child->maps ? 0 : -1;
}

int task_unshare(struct task *task)
{
	struct table *copy;

	if (task->table->users == 1)
		return 0;
	copy = table_copy(task->table);
	if (!copy)
		return -1;
	table_leave(task->table);
	task->table = copy;
	return 0;
}

/* Those that exec(2) left open. */
static struct table *table_read(pid_t pid)
{
	struct table *table = table_new();
	struct dirent *entry;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	while (table && folder && (entry = readdir(folder))) {
		int fd = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : -1;
		uint32_t inode = fd >= 0 ? descriptor_inode(pid, fd) : 0;

		if (inode)
			table_set(table, fd, socket_find(inode));
	}
	if (folder)
		closedir(folder);
	return table;
}

int task_adopt(struct task *task)
{
	task->known = true;
	task->table = table_read(task->tid);
	task->maps = maps_new(NULL);
	if (!task->table || !task->maps)
		return -1;
	maps_load(task->maps, task->tid);
	return 0;
}

int task_exec(struct task *task, pid_t old)
{
	struct task *former = old != task->tid ? task_find(old) : NULL;
	struct table *table = table_read(task->tid);

	if (table && task->table)
		table->forked = task->table->forked;
	if (former) /* a thread that is not the first takes over the first one's number */
		task_end(former);
	table_leave(task->table);
	maps_leave(task->maps);
	task->table = table;
	task->maps = maps_new(NULL);
	task->call = NULL;
	task->stepping = false;
	return task->table && task->maps ? 0 : -1;
}

void task_end(struct task *task)
{
	struct task **place = &buckets[(unsigned int)task->tid % BUCKETS];

	while (*place != task)
		place = &(*place)->next;
	*place = task->next;
	table_leave(task->table);
	maps_leave(task->maps);
	free(task);
	tasks--;
}
