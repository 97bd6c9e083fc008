/* SPDX-License-Identifier: MIT */
/* What the parts of the table share (table.c, rows.c, notes.c, views.c). */
#ifndef CENSUS_TABLE_H
#define CENSUS_TABLE_H

#include "census/internal.h"

/* @name, safe for a terminal; "?" when nothing is left. Returns @text. */
const char *census_printable(const char *name, char *text, size_t size);

static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "  ... and 7 more owners (--json lists all)", if there are any. */
void census_and_more(FILE *out, size_t count, const char *what);

/* Does @row of @snapshot show how long its sockets have been silent? */
static inline bool row_has_ages(const struct census_snapshot *snapshot,
				const struct census_row *row)
{
	return snapshot->asked.times && STATE_BIT(row->state) & STATES_OF_TWO &&
	       row->ages.untold < row->count;
}

/* ---- rows.c ---------------------------------------------------------------------------------- */

void census_table_rows(FILE *out, const struct census_snapshot *snapshot);

/* ---- notes.c --------------------------------------------------------------------------------- */

/* The lines below the table: what it means, and what could not be seen. */
void census_table_notes(FILE *out, const struct census_snapshot *snapshot);

/* Pure: @remote in words: "10.0.0.9:443", "[fd00::1]", "port 443". Returns @text. */
#define REMOTE_TEXT 64
const char *remote_text(const struct census_remote *remote, char text[REMOTE_TEXT]);

#endif
