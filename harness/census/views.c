/* SPDX-License-Identifier: MIT */
/* What processes hold and wait for, for people: census -v. */
#include "census/table.h"

#include <inttypes.h>
#include <string.h>

#define NAMES 20 /* of a process; the rest is in the JSON */

static void wait_line(FILE *out, const struct census_wait *wait)
{
	char text[64];

	fprintf(out, "    thread %d: %s", wait->thread,
		*wait->call ? census_printable(wait->call, text, sizeof(text)) : "call unknown");
	if (wait->descriptor >= 0)
		fprintf(out, ", descriptor %d", wait->descriptor);
	if (wait->timeout_ms >= 0)
		fprintf(out, ", with a timeout of %" PRId64 " ms", wait->timeout_ms);
	else if (wait->timeout_ms == -1 && strcmp(wait->call, "running"))
		fputs(", without a timeout", out);
	if (*wait->wchan)
		fprintf(out, " (%s)", census_printable(wait->wchan, text, sizeof(text)));
	putc('\n', out);
}

static void view(FILE *out, const struct census_process_view *view)
{
	char text[192];

	fprintf(out, "  %s pid %d holds\n",
		census_printable(view->process, text, sizeof(view->process)), view->pid);
	for (size_t i = 0; i < view->held_count && i < NAMES; i++)
		fprintf(out, "    %4" PRIu64 " %s %s\n", view->held[i].count, view->held[i].kind,
			*view->held[i].name
			    ? census_printable(view->held[i].name, text, sizeof(text))
			    : "");
	if (view->held_count > NAMES)
		fprintf(out, "    ... and %zu more (--json lists all)\n", view->held_count - NAMES);
	for (size_t i = 0; i < view->wait_count && i < NAMES; i++)
		wait_line(out, &view->waits[i]);
	for (size_t i = 0; i < view->timer_count && i < NAMES; i++)
		fprintf(out, "    timer of descriptor %d: due in %" PRId64 " ms%s\n",
			view->timers[i].descriptor, view->timers[i].due_ms,
			view->timers[i].every_ms ? ", and again" : "");
	if (*view->unreadable)
		fprintf(out, "    not seen: %s\n", view->unreadable);
}

void census_table_views(FILE *out, const struct census_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->view_count; i++)
		view(out, &snapshot->views[i]);
}
