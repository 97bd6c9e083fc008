/* SPDX-License-Identifier: MIT */
/*
 * Where a thread is, without stopping it: an interruption would end epoll_wait(2) and some others
 * with EINTR, handler or not (signal(7)). /proc shows rsp and rip of a thread that waits in a call;
 * the other registers come from the stack, or are guessed (guess.c).
 */
#include "blame/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool now_from(const char *text, long *call, struct registers *registers)
{
	enum { ARGUMENTS = 6 };
	unsigned long long value[ARGUMENTS + 2];
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || number < 0)
		return false;
	for (size_t i = 0; i < ARGUMENTS + 2; i++) {
		text = end;
		value[i] = strtoull(text, &end, 16);
		if (end == text)
			return false;
	}
	*call = number;
	*registers = (struct registers){.known = 1u << REGISTER_RSP | 1u << REGISTER_RIP};
	registers->value[REGISTER_RSP] = value[ARGUMENTS];
	registers->value[REGISTER_RIP] = value[ARGUMENTS + 1];
	return true;
}

struct now now_of(struct task *task)
{
	struct now now = {.call = -1};
	struct frame frames[DEPTH];
	struct registers registers;
	char path[64], text[256];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", task->process, task->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	if (now_from(text, &now.call, &registers))
		now.stack =
		    stack_number(frames, unwind(task->maps, task->tid, &registers, NULL, frames));
	return now;
}
