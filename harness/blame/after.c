/* SPDX-License-Identifier: MIT */
/*
 * What a thread did next: after it had taken a socket, and after one had ended. Callback libraries
 * read the EOF themselves, so the program's own line is not in that stack; it comes next. Recorded
 * once for each stack, call by call; with --deep step by step, which shows lines that make no call
 * at all.
 */
#include "blame/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define STEPPING_MOST                                                                              \
	1000000000 /* ns: on a loaded machine a step takes long, and peers are waiting */

static struct after *afters[AFTER_MOST];
static size_t count;
static bool seen[2][STACKS_MOST + 1]; /* by stack number: taken there, ended there */

void after_begin(struct task *task, const struct touch *touch, const struct socket *socket)
{
	bool end = socket->end.happened;
	struct after *after;

	if (tracer.watching || task->after || !touch->stack || seen[end][touch->stack] ||
	    count == AFTER_MOST)
		return;
	after = calloc(1, sizeof(*after));
	if (!after)
		return;
	seen[end][touch->stack] = true;
	after->stack = touch->stack;
	after->began = clock_now();
	after->end = end;
	afters[count++] = after;
	task->after = after;
	task->subject = socket->inode;
	task->stepping = tracer.deep;
}

void after_end(struct task *task, enum after_why why)
{
	task->after->why = why;
	task->after = NULL;
	task->stepping = false;
}

void after_call(struct task *task, long number, const uint64_t argument[6])
{
	struct after *after = task->after;
	const struct call *call = call_of(number);
	const struct socket *socket = NULL;

	if (call && (call->kind == CALL_WAIT || call->kind == CALL_ACCEPT)) {
		after_end(task, AFTER_WAITS);
		return;
	}
	if (number == SYS_listen) { /* it is not a connection */
		after_end(task, AFTER_LISTENS);
		return;
	}
	if (call && call->kind != CALL_FORK)
		socket = table_get(task->table,
				   (int)argument[call->descriptor > 0 ? call->descriptor : 0]);
	if (socket && socket->inode != task->subject && !socket->listener) {
		after_end(task, AFTER_NEXT_SOCKET);
		return;
	}
	if (after->calls < AFTER_CALLS) {
		after->call[after->calls].call = (uint16_t)number;
		after->call[after->calls++].stack = stack_of(task);
	} else if (!task->stepping) {
		after_end(task, AFTER_LIMIT);
	}
}

/* Keep an address of the program itself. */
static void add_line(struct after *after, const struct mapping *mapping, uint64_t pc)
{
	struct frame line = {.module = mapping->module};

	if (!module_address(line.module, pc - mapping->start + mapping->offset, &line.address))
		return;
	if (after->lines == after->room) {
		size_t room = after->room ? after->room * 2 : 64;
		struct frame *larger = realloc(after->line, room * sizeof(*larger));

		if (!larger)
			return;
		after->line = larger;
		after->room = room;
	}
	after->line[after->lines++] = line;
}

void after_step(struct task *task)
{
	struct after *after = task->after;
	struct registers registers;
	const struct mapping *mapping;
	uint64_t argument[6] = {0}, pc;
	long next;

	if (registers_read(task->tid, &registers) < 0 || ++after->steps > STEPS_MOST ||
	    after->lines >= LINES_MOST || clock_now() - after->began > STEPPING_MOST) {
		after_end(task, AFTER_LIMIT);
		return;
	}
	pc = registers.value[REGISTER_RIP];
	mapping = maps_find(task->maps, task->tid, pc);
	if (mapping && mapping->module && !module_of_system(mapping->module))
		add_line(after, mapping, pc);
	next = registers_next_call(task->tid, &registers, argument);
	if (next >= 0)
		after_call(task, next, argument);
}

size_t after_count(void)
{
	return count;
}

const struct after *after_at(size_t number)
{
	return afters[number];
}

const char *after_reason(enum after_why why)
{
	static const char *const reasons[] = {
	    [AFTER_GOES_ON] = "goes on",
	    [AFTER_WAITS] = "waits",
	    [AFTER_NEXT_SOCKET] = "goes to another socket",
	    [AFTER_LISTENS] = "listens",
	    [AFTER_ENDS] = "ends",
	    [AFTER_LIMIT] = "was not followed further",
	};

	return reasons[why];
}
