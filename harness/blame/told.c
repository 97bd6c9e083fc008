/* SPDX-License-Identifier: MIT */
/*
 * What helpers inside the program report: the lines of Python and JavaScript. They write to a
 * descriptor that does not exist, so without a tracer the write fails with EBADF and nothing
 * happens.
 */
#include "blame/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * TOLD_MOST };

static char **texts;
static uint32_t *slots, count;

const char *told_parse(const char *text, int *fd, enum told_kind *kind)
{
	static const char *const kinds[] = {"taken ", "end ", "last "};
	long number;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return NULL;
	number = strtol(text, &end, 10);
	if (number > INT32_MAX || *end++ != ' ')
		return NULL;
	for (size_t i = 0; i < TOLD_KINDS; i++) {
		size_t length = strlen(kinds[i]);

		if (strncmp(end, kinds[i], length) || !end[length])
			continue;
		*fd = (int)number;
		*kind = (enum told_kind)i;
		return end + length;
	}
	return NULL;
}

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

/* The number of a text, from 1 on; 0: there are too many. */
static uint32_t number_of(const char *text)
{
	uint32_t at = hash_of(text) % SLOTS;

	if (!texts) {
		texts = calloc(TOLD_MOST, sizeof(*texts));
		slots = calloc(SLOTS, sizeof(*slots));
	}
	if (!texts || !slots)
		return 0;
	for (; slots[at]; at = (at + 1) % SLOTS)
		if (!strcmp(texts[slots[at] - 1], text))
			return slots[at];
	if (count == TOLD_MOST || !(texts[count] = strdup(text)))
		return 0;
	slots[at] = ++count;
	return count;
}

void told_by(struct task *task, uint64_t address, uint64_t length)
{
	char text[TOLD_LONGEST + 1];
	struct socket *socket;
	enum told_kind kind;
	const char *where;
	int fd;

	if (length > TOLD_LONGEST || !memory_copy(task->tid, address, text, length))
		return;
	text[length] = '\0';
	for (char *byte = text; *byte; byte++)
		if (iscntrl((unsigned char)*byte))
			*byte = '?';
	where = told_parse(text, &fd, &kind);
	socket = where ? table_get(task->table, fd) : NULL;
	if (socket)
		socket->told[kind] = number_of(where);
}

const char *told_text(uint32_t number)
{
	return number ? texts[number - 1] : NULL;
}
