/* SPDX-License-Identifier: MIT */
/* What the kernel has listed (bpf.c). */
#include "census/internal.h"

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

int shown_again(struct shown *shown, const struct record_heading *heading)
{
	struct shown_table *tables;

	for (size_t i = 0; i < shown->count && heading->thread != heading->pid; i++)
		if (shown->table[i].pid == heading->pid && shown->table[i].table == heading->table)
			return shown->table[i].thread != heading->thread;
	tables = census_grow(shown->table, shown->count, &shown->room, sizeof(*tables));
	if (!tables)
		return -1;
	shown->table = tables;
	tables[shown->count++] =
	    (struct shown_table){heading->pid, heading->thread, heading->table};
	return 0;
}
