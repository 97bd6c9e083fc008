/* SPDX-License-Identifier: MIT */
/*
 * The rows of the table: sockets by state and port, how long they have been silent, and where they
 * lead. Columns of nothing but zeros are left out.
 */
#include "census/table.h"

#include <inttypes.h>
#include <string.h>

#include "common/duration.h"

#define ROW_LINES 40 /* the rest is in the JSON */
#define REMOTE_LINES 20
#define OTHER_END "  other end"
#define NARROW 7 /* columns of a count */
#define BELOW 15 /* columns to indent an other end that does not fit after its row */

static const char *port_text(uint16_t port, char *text, size_t size)
{
	if (!port)
		return "ephemeral";
	snprintf(text, size, "%u", port);
	return text;
}

static int cell(FILE *out, uint64_t value, int width)
{
	return value ? fprintf(out, " %*" PRIu64, width, value) : fprintf(out, " %*s", width, ".");
}

static int width(enum census_class class)
{
	int length = (int)strlen(census_class_name(class));

	return length > NARROW ? length : NARROW;
}

static size_t listening_rows(const struct census_snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot->row_count; i++)
		n += snapshot->rows[i].state == STATE_LISTEN;
	return n;
}

static const struct census_remote *remotes_of(const struct census_snapshot *snapshot,
					      const struct census_row *row)
{
	for (size_t i = 0; i < snapshot->remote_count; i++)
		if (snapshot->remotes[i].state == row->state &&
		    snapshot->remotes[i].local_port == row->port)
			return &snapshot->remotes[i]; /* the most frequent */
	return NULL;
}

/* "300 to 10.0.0.9:443", at the end of the row, or below when it does not fit. */
static void other_end(FILE *out, const struct census_snapshot *snapshot,
		      const struct census_row *row, int column)
{
	const struct census_remote *remote = remotes_of(snapshot, row);
	char address[REMOTE_TEXT], text[REMOTE_TEXT + 32];
	int length;

	if (snapshot->ends != CENSUS_ENDS_OF_ROWS || !remote ||
	    (remote->count == 1 && row->count > 1))
		return;
	length = snprintf(text, sizeof(text), "%" PRIu64 " %s %s", remote->count,
			  row->port ? "from" : "to", remote_text(remote, address));
	if (column + 2 + length > COLUMNS)
		fprintf(out, "\n%*s%s", BELOW, "", text);
	else
		fprintf(out, "  %s", text);
}

static int age_cells(FILE *out, const struct census_snapshot *snapshot,
		     const struct census_row *row)
{
	const int64_t ages[] = {row->ages.silent, row->ages.idle};
	char text[DURATION_TEXT];
	int columns = 0;

	for (size_t i = 0; i < 2 && snapshot->asked.times; i++)
		columns +=
		    fprintf(out, " %*s", NARROW,
			    row_has_ages(snapshot, row) ? duration_glance(ages[i], text) : ".");
	return columns;
}

static int row_line(FILE *out, const struct census_snapshot *snapshot, const struct census_row *row)
{
	char text[16];
	int column = fprintf(out, "  %-12s %-9s %8" PRIu64, state_name(row->state),
			     port_text(row->port, text, sizeof(text)), row->count);

	for (int class = 0; class < CENSUS_CLASSES; class ++)
		if (snapshot->classes[class])
			column += cell(out, row->by_class[class], width(class));
	if (snapshot->unread)
		column += cell(out, row->unread, NARROW);
	return column + age_cells(out, snapshot, row);
}

static void rows(FILE *out, const struct census_snapshot *snapshot)
{
	int column;
	size_t shown = 0, count = snapshot->row_count - listening_rows(snapshot);

	if (!count)
		return;
	column = fprintf(out, "  %-12s %-9s %8s", "STATE", "PORT", "COUNT");
	for (int class = 0; class < CENSUS_CLASSES; class ++)
		if (snapshot->classes[class])
			column += fprintf(out, " %*s", width(class), census_class_name(class));
	if (snapshot->unread)
		column += fprintf(out, " %*s", NARROW, "unread");
	if (snapshot->asked.times)
		column += fprintf(out, " %*s %*s", NARROW, "silent", NARROW, "idle");
	if (snapshot->ends == CENSUS_ENDS_OF_ROWS && column + (int)strlen(OTHER_END) <= COLUMNS)
		fputs(OTHER_END, out);
	putc('\n', out);
	for (size_t i = 0; i < snapshot->row_count && shown < ROW_LINES; i++) {
		const struct census_row *row = &snapshot->rows[i];

		if (row->state == STATE_LISTEN)
			continue; /* each has a line of its own below */
		other_end(out, snapshot, row, row_line(out, snapshot, row));
		putc('\n', out);
		shown++;
	}
	census_and_more(out, count - shown, "row");
}

/* The other ends, for --by. */
static void remotes(FILE *out, const struct census_snapshot *snapshot)
{
	char text[REMOTE_TEXT];
	size_t i;

	if (snapshot->ends == CENSUS_ENDS_OF_ROWS || !snapshot->remote_count)
		return;
	fprintf(out, "  %-12s %8s  OTHER END\n", "STATE", "COUNT");
	for (i = 0; i < snapshot->remote_count && i < REMOTE_LINES; i++)
		fprintf(out, "  %-12s %8" PRIu64 "  %s\n", state_name(snapshot->remotes[i].state),
			snapshot->remotes[i].count, remote_text(&snapshot->remotes[i], text));
	census_and_more(out, snapshot->remote_count - i, "other end");
	if (snapshot->remote_count == CENSUS_REMOTES)
		fputs("  not distinguished: further other ends\n", out);
}

void census_table_rows(FILE *out, const struct census_snapshot *snapshot)
{
	rows(out, snapshot);
	remotes(out, snapshot);
}
