/* SPDX-License-Identifier: MIT */
/*
 * Writes a count for Prometheus: the part of OpenMetrics 1.0 that it shares with the older text
 * format, because the textfile collector of node_exporter reads the older one. So there are only
 * gauges, and no timestamps.
 *
 * However many ports, processes and other ends there are, a family has at most MOST series: the
 * largest, and the sum of the rest, whose labels are "other". A pid is not a label, because it
 * changes with each restart.
 */
#include "census/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST 500
#define LABELS 400 /* bytes */

struct series {
	char labels[LABELS];
	uint64_t value;
};

struct list {
	struct series *series;
	size_t count, room;
	bool no_memory;
};

struct source_of_series {
	const char *host; /* escaped, like everything in labels */
	const struct census_snapshot *snapshot;
	struct list *list;
};

/* Inside the quotation marks of a label; control characters are '?' already. */
static const char *escaped(const char *name, char text[160])
{
	char printable[64];
	size_t n = 0;

	if (!*name)
		return "";
	census_printable(name, printable, sizeof(printable));
	for (const char *at = printable; *at; at++) {
		if (*at == '"' || *at == '\\')
			text[n++] = '\\';
		text[n++] = *at;
	}
	text[n] = '\0';
	return text;
}

static void __attribute__((format(printf, 3, 4)))
add(const struct source_of_series *from, uint64_t value, const char *format, ...)
{
	struct list *list = from->list;
	struct series *series =
	    census_grow(list->series, list->count, &list->room, sizeof(*series));
	va_list arguments;
	int length;

	list->no_memory |= !series;
	if (!series)
		return;
	list->series = series;
	series += list->count++;
	series->value = value;
	length = snprintf(series->labels, LABELS, "host=\"%s\"", from->host);
	va_start(arguments, format);
	vsnprintf(series->labels + length, LABELS - (size_t)length, format, arguments);
	va_end(arguments);
}

static const char *port_label(uint16_t port, char text[16])
{
	snprintf(text, 16, port ? "%u" : "ephemeral", port);
	return text;
}

static void states(const struct source_of_series *from)
{
	for (int state = 1; state < STATES; state++)
		if (state != STATE_CLOSED && from->snapshot->asked.states & STATE_BIT(state))
			add(from, from->snapshot->states[state], ",state=\"%s\"",
			    state_name(state));
}

static void rows(const struct source_of_series *from)
{
	char port[16];

	for (size_t i = 0; i < from->snapshot->row_count; i++) {
		const struct census_row *row = &from->snapshot->rows[i];

		for (int class = 0; class < CENSUS_CLASSES; class ++)
			if (row->by_class[class])
				add(from, row->by_class[class],
				    ",state=\"%s\",class=\"%s\",port=\"%s\"",
				    state_name(row->state), census_class_name(class),
				    port_label(row->port, port));
	}
}

static void unread(const struct source_of_series *from)
{
	add(from, from->snapshot->unread, "%s", "");
}

static void silent(const struct source_of_series *from)
{
	const struct census_snapshot *snapshot = from->snapshot;

	for (int state = 1; state < STATES; state++) {
		const struct census_ages *ages = &snapshot->ages[state];

		if (!snapshot->asked.times || !(STATE_BIT(state) & STATES_OF_TWO))
			continue;
		if (!ages->untold || ages->untold < snapshot->states[state])
			add(from, (uint64_t)ages->silent, ",state=\"%s\"", state_name(state));
	}
}

static void remotes(const struct source_of_series *from)
{
	char text[REMOTE_TEXT];

	for (size_t i = 0; i < from->snapshot->remote_count; i++)
		add(from, from->snapshot->remotes[i].count, ",state=\"%s\",remote=\"%s\"",
		    state_name(from->snapshot->remotes[i].state),
		    remote_text(&from->snapshot->remotes[i], text));
}

static void descriptors(const struct source_of_series *from)
{
	const struct census_snapshot *snapshot = from->snapshot;

	if (!snapshot->asked.descriptors)
		return;
	add(from, snapshot->descriptors - snapshot->gone, ",kind=\"connected\"");
	add(from, snapshot->gone, ",kind=\"gone\"");
}

static void owners(const struct source_of_series *from)
{
	char process[160], unit[160], port[16];

	for (size_t i = 0; i < from->snapshot->owner_count; i++) {
		const struct census_owner *owner = &from->snapshot->owners[i];

		add(from, owner->descriptors,
		    ",process=\"%s\",unit=\"%s\",state=\"%s\",port=\"%s\"",
		    escaped(owner->process, process), escaped(owner->unit, unit),
		    owner->gone ? "gone" : state_name(owner->state), port_label(owner->port, port));
	}
}

static void waiting(const struct source_of_series *from)
{
	for (size_t i = 0; i < from->snapshot->listener_count; i++)
		add(from, from->snapshot->listeners[i].recv_queue, ",port=\"%u\"",
		    from->snapshot->listeners[i].port);
}

static void backlog(const struct source_of_series *from)
{
	if (from->snapshot->from_procfs) /* which does not show it */
		return;
	for (size_t i = 0; i < from->snapshot->listener_count; i++)
		add(from, from->snapshot->listeners[i].backlog, ",port=\"%u\"",
		    from->snapshot->listeners[i].port);
}

static void unreadable(const struct source_of_series *from)
{
	if (from->snapshot->asked.owners)
		add(from, from->snapshot->unreadable_processes, "%s", "");
}

static const struct family {
	const char *name, *unit, *help;
	void (*fill)(const struct source_of_series *from);
	const char *rest; /* labels of the sum of the rest */
} families[] = {
    {"state_sockets", NULL, "TCP sockets by state.", states, "host=\"other\",state=\"other\""},
    {"sockets", NULL, "TCP sockets by state, class and local port.", rows,
     "host=\"other\",state=\"other\",class=\"other\",port=\"other\""},
    {"unread_sockets", NULL, "CLOSE_WAIT sockets whose FIN was certainly never read.", unread,
     "host=\"other\""},
    {"remote_sockets", NULL, "TCP sockets by state and other end.", remotes,
     "host=\"other\",state=\"other\",remote=\"other\""},
    {"silent_seconds", "seconds", "Longest time since anything came, by state (--age).", silent,
     NULL},
    {"descriptors", NULL, "Descriptors of TCP sockets that do not listen.", descriptors,
     "host=\"other\",kind=\"other\""},
    {"process_descriptors", NULL, "The same by process, systemd unit or container, and state.",
     owners, "host=\"other\",process=\"other\",unit=\"other\",state=\"other\",port=\"other\""},
    {"accept_queue", NULL, "Connections that wait for accept().", waiting,
     "host=\"other\",port=\"other\""},
    {"accept_backlog", NULL, "Most connections that can wait for accept().", backlog,
     "host=\"other\",port=\"other\""},
    {"unreadable_processes", NULL, "Processes whose descriptors could not all be read.", unreadable,
     "host=\"other\""},
};

static int by_labels(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->labels, ((const struct series *)b)->labels);
}

static int by_value(const void *a, const void *b)
{
	const struct series *x = a, *y = b;

	return x->value != y->value ? (x->value < y->value ? 1 : -1) : by_labels(a, b);
}

/* Add up series with the same labels: two processes of one name, listeners of both families. */
static void fold(struct list *list)
{
	size_t kept = 0;

	qsort(list->series, list->count, sizeof(*list->series), by_labels);
	for (size_t i = 1; i < list->count; i++)
		if (!by_labels(&list->series[kept], &list->series[i]))
			list->series[kept].value += list->series[i].value;
		else
			list->series[++kept] = list->series[i];
	list->count = kept + 1;
}

static void write_family(FILE *out, const struct family *family, struct list *list)
{
	uint64_t rest = 0;

	fprintf(out, "# TYPE linger_census_%s gauge\n", family->name);
	if (family->unit)
		fprintf(out, "# UNIT linger_census_%s %s\n", family->name, family->unit);
	fprintf(out, "# HELP linger_census_%s %s\n", family->name, family->help);
	fold(list);
	if (list->count > MOST)
		qsort(list->series, list->count, sizeof(*list->series), by_value);
	for (size_t i = 0; i < list->count; i++) {
		const struct series *series = &list->series[i];

		if (i >= MOST - 1 && list->count > MOST)
			rest += series->value;
		else if (family->unit) /* counted in ms */
			fprintf(out, "linger_census_%s{%s} %" PRIu64 ".%03u\n", family->name,
				series->labels, series->value / 1000,
				(unsigned int)(series->value % 1000));
		else
			fprintf(out, "linger_census_%s{%s} %" PRIu64 "\n", family->name,
				series->labels, series->value);
	}
	/* A sum of times means nothing, and those left out are shorter. */
	if (list->count > MOST && family->rest)
		fprintf(out, "linger_census_%s{%s} %" PRIu64 "\n", family->name, family->rest,
			rest);
}

int census_openmetrics(FILE *out, const struct census *census,
		       const struct census_snapshot *snapshots, const struct census_others *others)
{
	bool no_memory = false;

	for (size_t n = 0; n < sizeof(families) / sizeof(families[0]) && !no_memory; n++) {
		struct list list = {0};

		for (size_t i = 0; i < census_host_count(census); i++) {
			const struct source_of_series from = {census_host_name(census, i),
							      &snapshots[i], &list};

			families[n].fill(&from);
		}
		if (list.count)
			write_family(out, &families[n], &list);
		no_memory = list.no_memory;
		free(list.series);
	}
	if (no_memory)
		return -1;
	fprintf(
	    out,
	    "# TYPE linger_census_uncounted_namespaces gauge\n"
	    "# HELP linger_census_uncounted_namespaces Network namespaces not counted (--all).\n"
	    "linger_census_uncounted_namespaces %zu\n# EOF\n",
	    others->readable + others->unreadable);
	return 0;
}
