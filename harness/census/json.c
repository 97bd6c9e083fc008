/* SPDX-License-Identifier: MIT */
/* Writes a count for programs: one object per host. */
#include "census/table.h"

static void classes(struct json *json, const uint64_t *by_class)
{
	for (int class = 0; class < CENSUS_CLASSES; class ++)
		json_unsigned(json, census_class_name(class), by_class[class]);
}

static void states(struct json *json, const struct census_snapshot *snapshot)
{
	json_object(json, "states");
	for (int state = 1; state < STATES; state++)
		if (snapshot->asked.states & STATE_BIT(state))
			json_unsigned(json, state_name(state), snapshot->states[state]);
	json_end(json);
}

/* A number, or null when it was not asked for. */
static void number(struct json *json, const char *name, bool asked, uint64_t value)
{
	if (asked)
		json_unsigned(json, name, value);
	else
		json_null(json, name);
}

/* Why owners are unknown: each reason with its number of sockets. */
static void unknown(struct json *json, const struct census_snapshot *snapshot)
{
	json_object(json, "unknown");
	for (int why = 0; why < CENSUS_WHYS; why++)
		if (snapshot->unknown[why])
			json_unsigned(json, census_why_name(why), snapshot->unknown[why]);
	json_end(json);
}

static void row(struct json *json, const struct census_snapshot *snapshot,
		const struct census_row *row)
{
	bool ages = row_has_ages(snapshot, row);

	json_object(json, NULL);
	json_string(json, "state", state_name(row->state));
	json_unsigned(json, "port", row->port);
	json_unsigned(json, "count", row->count);
	classes(json, row->by_class);
	json_unsigned(json, "unread", row->unread);
	number(json, "silent_ms", ages, (uint64_t)row->ages.silent);
	number(json, "idle_ms", ages, (uint64_t)row->ages.idle);
	json_unsigned(json, "keepalive", row->keepalive);
	number(json, "keepalive_ms", row->keepalive, (uint64_t)row->keepalive_ms);
	json_end(json);
}

/* NULL: it is in a table. */
static const char *const gone_names[CENSUS_GONES] = {
    [CENSUS_GONE] = "gone or never connected",
    [CENSUS_GHOST] = "ghost",
    [CENSUS_UNCONNECTED] = "never connected",
};

static void owner(struct json *json, const struct census_owner *owner)
{
	json_object(json, NULL);
	json_signed(json, "pid", owner->pid);
	json_string(json, "process", owner->process);
	json_string(json, "unit", owner->unit[0] ? owner->unit : NULL);
	json_string(json, "state", state_name(owner->state));
	json_unsigned(json, "port", owner->port);
	json_string(json, "gone", gone_names[owner->gone]);
	json_string(json, "by", census_hold_name(owner->hold));
	json_unsigned(json, "sockets", owner->sockets);
	json_unsigned(json, "descriptors", owner->descriptors);
	json_array(json, "fds");
	for (uint64_t n = 0;
	     n < owner->descriptors && n < CENSUS_FDS && owner->hold != CENSUS_BY_MAPPING; n++)
		json_signed(json, NULL, owner->fds[n]);
	json_end(json);
	json_unsigned(json, "unread", owner->unread);
	json_end(json);
}

static void remote(struct json *json, const struct census_remote *remote)
{
	json_object(json, NULL);
	json_address(json, "address", remote->family, remote->address);
	number(json, "port", remote->port, remote->port);
	json_string(json, "state", state_name(remote->state));
	number(json, "local_port", remote->local_port, remote->local_port);
	json_unsigned(json, "count", remote->count);
	json_end(json);
}

/* @known: its backlog is known; /proc/net/tcp does not show it. */
static void listener(struct json *json, const struct census_listener *listener, bool known)
{
	json_object(json, NULL);
	json_address(json, "address", listener->family, listener->address);
	json_unsigned(json, "port", listener->port);
	json_unsigned(json, "recv_q", listener->recv_queue);
	number(json, "backlog", known, listener->backlog);
	number(json, "pid", listener->pid, (uint64_t)listener->pid);
	json_string(json, "process", listener->pid ? listener->process : NULL);
	json_end(json);
}

/* -1: none; -2: unknown. Both become null; the second is marked. */
static void timeout(struct json *json, int64_t ms)
{
	if (ms >= 0)
		json_signed(json, "timeout_ms", ms);
	else
		json_null(json, "timeout_ms");
	json_bool(json, "timeout_known", ms != -2);
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static void view(struct json *json, const struct census_process_view *view)
{
	json_object(json, NULL);
	json_signed(json, "pid", view->pid);
	json_string(json, "process", view->process);
	json_string(json, "unreadable", or_null(view->unreadable));
	json_array(json, "held");
	for (size_t i = 0; i < view->held_count; i++) {
		json_object(json, NULL);
		json_string(json, "kind", view->held[i].kind);
		json_string(json, "name", or_null(view->held[i].name));
		json_unsigned(json, "count", view->held[i].count);
		json_end(json);
	}
	json_end(json);
	json_array(json, "waits");
	for (size_t i = 0; i < view->wait_count; i++) {
		json_object(json, NULL);
		json_signed(json, "thread", view->waits[i].thread);
		json_string(json, "call", or_null(view->waits[i].call));
		timeout(json, view->waits[i].timeout_ms);
		if (view->waits[i].descriptor >= 0)
			json_signed(json, "descriptor", view->waits[i].descriptor);
		else
			json_null(json, "descriptor");
		json_string(json, "wchan", or_null(view->waits[i].wchan));
		json_end(json);
	}
	json_end(json);
	json_array(json, "timers");
	for (size_t i = 0; i < view->timer_count; i++) {
		json_object(json, NULL);
		json_signed(json, "descriptor", view->timers[i].descriptor);
		json_signed(json, "due_ms", view->timers[i].due_ms);
		json_signed(json, "every_ms", view->timers[i].every_ms);
		json_end(json);
	}
	json_end(json);
	json_end(json);
}

static void counters(struct json *json, const struct census_counters *counters)
{
	json_object(json, "counters");
	for (size_t i = 0; i < counters->count; i++)
		if (counters->counter[i].value)
			json_signed(json, counters->counter[i].name, counters->counter[i].value);
	json_end(json);
}

void census_json_snapshot(struct json *json, const char *host,
			  const struct census_snapshot *snapshot)
{
	const struct census_needs *asked = &snapshot->asked;

	json_object(json, NULL);
	json_string(json, "host", host);
	states(json, snapshot);
	json_object(json, "classes");
	classes(json, snapshot->classes);
	json_end(json);
	json_unsigned(json, "unread", snapshot->unread);
	number(json, "descriptors", asked->descriptors, snapshot->descriptors);
	number(json, "gone", asked->descriptors, snapshot->gone);
	number(json, "ghosts", asked->descriptors, snapshot->ghosts);
	number(json, "unconnected", asked->descriptors, snapshot->unconnected);
	number(json, "unplaced", asked->descriptors, snapshot->unplaced);
	number(json, "elsewhere", asked->descriptors || snapshot->elsewhere, snapshot->elsewhere);
	json_unsigned(json, "mptcp", snapshot->mptcp);
	unknown(json, snapshot);
	number(json, "unreadable_processes", asked->owners, snapshot->unreadable_processes);
	json_string(json, "unreadable", snapshot->unreadable[0] ? snapshot->unreadable : NULL);
	json_string(json, "source", snapshot->from_procfs ? "/proc/net/tcp" : "sock_diag");
	json_bool(json, "interrupted", snapshot->interrupted);
	json_array(json, "rows");
	for (size_t i = 0; i < snapshot->row_count; i++)
		row(json, snapshot, &snapshot->rows[i]);
	json_end(json);
	json_array(json, "owners");
	for (size_t i = 0; i < snapshot->owner_count; i++)
		owner(json, &snapshot->owners[i]);
	json_end(json);
	json_array(json, "remotes");
	for (size_t i = 0; i < snapshot->remote_count; i++)
		remote(json, &snapshot->remotes[i]);
	json_end(json);
	json_array(json, "listeners");
	for (size_t i = 0; i < snapshot->listener_count; i++)
		listener(json, &snapshot->listeners[i], !snapshot->from_procfs);
	json_end(json);
	json_array(json, "processes");
	for (size_t i = 0; i < snapshot->view_count; i++)
		view(json, &snapshot->views[i]);
	json_end(json);
	counters(json, &snapshot->counters);
	json_end(json);
}
