/* SPDX-License-Identifier: MIT */
/* What is held at one moment, and what processes held that ended recently. */
#include "blame/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/states.h"

enum { NAMESPACES = 16, ENDED = 64 };
#define LATELY 5000 /* ms: processes that ended earlier are unrelated to the end of all */

/* The tables of the network namespaces seen so far, each read once. */
struct places {
	struct {
		ino_t number;
		struct inet inet;
	} place[NAMESPACES];
	size_t count;
};

struct taking {
	struct snapshot *snapshot;
	struct places places;
	uint32_t number;
	pid_t only;
	int result;
};

static struct snapshot ended[ENDED];
static size_t ended_next;

static const struct inet *inet_of(struct places *places, pid_t pid)
{
	char path[64], name[64];
	unsigned long number = 0;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	length = readlink(path, name, sizeof(name) - 1);
	name[length > 0 ? length : 0] = '\0';
	sscanf(name, "net:[%lu]", &number);
	for (size_t i = 0; i < places->count; i++)
		if (places->place[i].number == number)
			return &places->place[i].inet;
	if (places->count == NAMESPACES)
		inet_free(&places->place[--places->count].inet);
	places->place[places->count].number = number;
	if (inet_read(&places->place[places->count].inet, pid) < 0)
		return NULL;
	return &places->place[places->count++].inet;
}

static struct process *process_of(struct snapshot *snapshot, const struct task *task)
{
	char path[64], program[4096];
	struct process *process;
	ssize_t length;

	for (size_t i = 0; i < snapshot->processes; i++)
		if (snapshot->process[i].pid == task->process)
			return &snapshot->process[i];
	if (snapshot->processes == snapshot->room) {
		size_t room = snapshot->room ? snapshot->room * 2 : 4;
		struct process *larger = realloc(snapshot->process, room * sizeof(*larger));

		if (!larger)
			return NULL;
		snapshot->process = larger;
		snapshot->room = room;
	}
	process = &snapshot->process[snapshot->processes];
	snprintf(path, sizeof(path), "/proc/%d/exe", task->tid);
	length = readlink(path, program, sizeof(program) - 1);
	program[length > 0 ? length : 0] = '\0';
	*process = (struct process){.pid = task->process, .program = strdup(program)};
	if (!process->program)
		return NULL;
	snapshot->processes++;
	return process;
}

static void take_task(void *data, struct task *task)
{
	struct taking *taking = data;
	const struct inet *inet;
	struct process *process;

	if (taking->result < 0 || !task->known || (taking->only && task->process != taking->only))
		return;
	process = process_of(taking->snapshot, task);
	if (!process) {
		taking->result = -1;
		return;
	}
	process->threads++;
	process->refused |= task->refused;
	if (task->table->visited == taking->number)
		return;
	task->table->visited = taking->number;
	inet = inet_of(&taking->places, task->tid);
	if (!inet || groups_add(&taking->snapshot->groups, task, inet, &process->files) < 0)
		taking->result = -1;
}

/* Where the thread is that last touched a group's socket. */
static void look_now(struct group *group)
{
	struct task *task = task_find(group->one.last.tid);

	group->now = (struct now){.call = -1};
	if (group->known && task && task->process == group->process)
		group->now = now_of(task);
}

int snapshot_take(struct snapshot *snapshot, pid_t only)
{
	static uint32_t number;
	struct taking taking = {.snapshot = snapshot, .number = ++number, .only = only};

	*snapshot = (struct snapshot){0};
	task_each(take_task, &taking);
	for (size_t i = 0; i < taking.places.count; i++)
		inet_free(&taking.places.place[i].inet);
	for (size_t i = 0; i < snapshot->groups.count; i++)
		look_now(&snapshot->groups.group[i]);
	if (taking.result < 0)
		snapshot_free(snapshot);
	return taking.result;
}

void snapshot_free(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->processes; i++)
		free(snapshot->process[i].program);
	free(snapshot->process);
	groups_free(&snapshot->groups);
	*snapshot = (struct snapshot){0};
}

void snapshot_remember(struct task *task)
{
	uint32_t now = (uint32_t)((clock_now() - tracer.began) / 1000000);
	struct snapshot *place = &ended[ended_next];

	snapshot_free(place);
	if (snapshot_take(place, task->process) < 0 || !place->processes)
		return;
	place->process[0].ended = true;
	place->process[0].ms = now;
	for (size_t i = 0; i < place->groups.count; i++)
		place->groups.group[i].ended = true;
	if (place->groups.count) /* else its place is free for the next process */
		ended_next = (ended_next + 1) % ENDED;
}

const struct snapshot *snapshot_next_ended(const struct snapshot *last)
{
	uint32_t now = (uint32_t)((clock_now() - tracer.began) / 1000000);

	for (size_t i = last ? (size_t)(last - ended) + 1 : 0; i < ENDED; i++)
		if (ended[i].processes && !task_find(ended[i].process[0].pid) &&
		    (now - ended[i].process[0].ms < LATELY ||
		     ended[i].process[0].pid == tracer.program))
			return &ended[i];
	return NULL;
}
