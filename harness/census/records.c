/* SPDX-License-Identifier: MIT */
/* What the kernel has listed (bpf.c). */
#include "census/bpf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int records_make_room(struct records *records)
{
	size_t room = records->room ? records->room * 2 : 4 * RECORDS_AT_ONCE;
	struct record *moved;

	if (records->room - records->count >= RECORDS_AT_ONCE)
		return 0;
	moved = reallocarray(records->record, room, sizeof(*moved));
	if (!moved)
		return ENOMEM;
	records->record = moved;
	records->room = room;
	return 0;
}

void window_next(struct window *window, size_t listed)
{
	window->first += window->width;
	if (listed >= RECORDS_AT_ONCE / 2)
		window->width = WINDOW;
	else if (window->width < WINDOW_WIDEST)
		window->width *= 2;
}

void records_drop_void(struct records *records)
{
	size_t kept = 0, heading = 0;

	for (size_t i = 0; i < records->count;) {
		const struct record *record = &records->record[i];
		size_t length = record->fd == RECORD_HEADING ? RECORDS_OF_HEADING : 1;

		if (record->fd == RECORD_HEADING)
			heading = kept;
		if (record->fd == RECORD_VOID)
			kept = heading;
		else
			memmove(&records->record[kept], record, length * sizeof(*record));
		kept += record->fd == RECORD_VOID ? 0 : length;
		i += length;
	}
	records->count = kept;
}

static int by_process(const void *a, const void *b)
{
	const struct record_part *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

struct record_part *records_by_process(const struct records *records, size_t *count)
{
	const size_t most = records->count / RECORDS_OF_HEADING + 1;
	struct record_part *parts = malloc(most * sizeof(*parts));
	struct record_heading heading;

	*count = 0;
	if (!parts)
		return NULL;
	for (size_t at = 0; at < records->count; at++) {
		if (records->record[at].fd != RECORD_HEADING)
			continue;
		memcpy(&heading, records->record + at, sizeof(heading));
		parts[(*count)++] = (struct record_part){heading.pid, at};
		at += RECORDS_OF_HEADING - 1;
	}
	qsort(parts, *count, sizeof(*parts), by_process);
	return parts;
}
