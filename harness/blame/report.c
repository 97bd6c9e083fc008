/* SPDX-License-Identifier: MIT */
/* The report as JSON (harness/linger/schema/traced.schema.json): numbers, addresses, no words. */
#include "blame/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/states.h"

#define MS 1000000 /* ns */

static void write_touch(struct json *json, const char *name, const struct touch *touch)
{
	char text[24];

	if (!touch->happened)
		return;
	json_object(json, name);
	json_seconds(json, "at", (int64_t)touch->ms * MS, 3);
	json_seconds(json, "took", (int64_t)touch->took * 1000, 6);
	json_string(json, "call", call_name(touch->call, touch->result, text));
	if (touch->result < 0)
		json_string(json, "error", strerrorname_np(-touch->result));
	else
		json_signed(json, "result", touch->result);
	json_signed(json, "thread", touch->tid);
	json_unsigned(json, "stack", touch->stack);
	json_end(json);
}

static void write_now(struct json *json, const struct now *now)
{
	char text[24];

	if (now->call < 0)
		return;
	json_object(json, "now");
	json_string(json, "call", call_name(now->call, 0, text));
	json_unsigned(json, "stack", now->stack);
	json_end(json);
}

static void write_told(struct json *json, const struct socket *socket)
{
	static const char *const kinds[] = {"taken", "end", "last"};

	json_object(json, "told");
	for (size_t i = 0; i < TOLD_KINDS; i++)
		if (socket->told[i])
			json_string(json, kinds[i], told_text(socket->told[i]));
	json_end(json);
}

static void write_group(struct json *json, const struct group *group)
{
	json_line(json);
	json_object(json, NULL);
	json_signed(json, "pid", group->process);
	json_string(json, "state", group->state ? state_name(group->state) : "gone");
	json_unsigned(json, "count", group->count);
	json_unsigned(json, "unread", group->unread);
	json_bool(json, "ended", group->ended);
	json_bool(json, "known", group->known);
	if (group->one.listener)
		json_unsigned(json, "waiting", group->waiting);
	if (group->known)
		json_seconds(json, "oldest", (int64_t)group->oldest * MS, 3);
	write_touch(json, "taken", &group->one.taken);
	write_touch(json, "adopted", &group->one.adopted);
	write_touch(json, "read", &group->one.read);
	write_touch(json, "end", &group->one.end);
	write_touch(json, "last", &group->one.last);
	write_touch(json, "closed", &group->shared.closed);
	if (group->shared.closed.happened)
		json_signed(json, "closer", group->shared.closer);
	write_touch(json, "inherited", &group->inherited);
	write_now(json, &group->now);
	write_told(json, &group->one);
	json_array(json, "descriptors");
	for (size_t i = 0; i < group->count; i++)
		json_signed(json, NULL, group->fds[i]);
	json_end(json);
	json_end(json);
}

static void write_groups(struct json *json, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->groups.count; i++)
		write_group(json, &snapshot->groups.group[i]);
}

static void write_processes(struct json *json, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->processes; i++) {
		const struct process *process = &snapshot->process[i];

		json_line(json);
		json_object(json, NULL);
		json_signed(json, "pid", process->pid);
		json_string(json, "program", process->program);
		json_unsigned(json, "threads", process->threads);
		json_unsigned(json, "files", process->files);
		json_bool(json, "ended", process->ended);
		json_bool(json, "io_uring_refused", process->refused);
		json_end(json);
	}
}

/* Of all that is held now, and of what ended lately. */
static void write_each(struct json *json, const struct snapshot *now,
		       void (*write)(struct json *json, const struct snapshot *snapshot))
{
	const struct snapshot *ended = NULL;

	write(json, now);
	while ((ended = snapshot_next_ended(ended)))
		write(json, ended);
	json_end(json);
}

static void write_frame(struct json *json, const struct frame *frame)
{
	json_array(json, NULL);
	json_unsigned(json, NULL, frame->module);
	json_unsigned(json, NULL, frame->address);
	json_end(json);
}

static void write_after(struct json *json, const struct after *after)
{
	char text[24];

	json_line(json);
	json_object(json, NULL);
	json_unsigned(json, "stack", after->stack);
	json_string(json, "after", after->end ? "end" : "taken");
	json_string(json, "then", after_reason(after->why));
	json_unsigned(json, "steps", after->steps);
	json_array(json, "calls");
	for (size_t i = 0; i < after->calls; i++) {
		json_object(json, NULL);
		json_string(json, "call", call_name(after->call[i].call, 0, text));
		json_unsigned(json, "stack", after->call[i].stack);
		json_end(json);
	}
	json_end(json);
	json_array(json, "lines");
	for (size_t i = 0; i < after->lines; i++)
		write_frame(json, &after->line[i]);
	json_end(json);
	json_end(json);
}

static void write_stacks(struct json *json)
{
	json_array(json, "stacks");
	for (uint32_t i = 1; i <= stack_count(); i++) {
		const struct stack *stack = stack_at(i);

		json_line(json);
		json_array(json, NULL);
		for (size_t j = 0; j < stack->count; j++)
			write_frame(json, &stack->frame[j]);
		json_end(json);
	}
	json_end(json);
	json_array(json, "modules");
	for (uint32_t i = 1; i <= module_count(); i++)
		json_string(json, NULL, module_path(i));
	json_end(json);
}

static void write_all(FILE *out, const char *why, const struct snapshot *snapshot)
{
	struct json json = {.out = out};

	json_object(&json, NULL);
	json_string(&json, "why", why);
	json_signed(&json, "tracer", getpid());
	json_signed(&json, "program", tracer.program);
	json_seconds(&json, "seconds", clock_now() - tracer.began, 3);
	json_unsigned(&json, "sample", tracer.sample);
	json_bool(&json, "deep", tracer.deep);
	json_bool(&json, "watched", tracer.watching);
	json_unsigned(&json, "lost", tracer.lost);
	json_array(&json, "processes");
	write_each(&json, snapshot, write_processes);
	json_array(&json, "groups");
	write_each(&json, snapshot, write_groups);
	json_array(&json, "after");
	for (size_t i = 0; i < after_count(); i++)
		write_after(&json, after_at(i));
	json_end(&json);
	write_stacks(&json);
	json_end(&json);
	fputc('\n', out);
}

int report_write(const char *why, struct error *error)
{
	struct snapshot snapshot;
	char *beside;
	FILE *out;
	int failed;

	if (snapshot_take(&snapshot, 0) < 0 || asprintf(&beside, "%s.new", tracer.file) < 0)
		return error_no_memory(error);
	out = fopen(beside, "we");
	failed = !out;
	if (out) {
		write_all(out, why, &snapshot);
		failed = ferror(out) | fclose(out);
	}
	snapshot_free(&snapshot);
	if (failed || rename(beside, tracer.file) < 0)
		error_set(error, EXIT_BROKEN, "%s: %s", tracer.file, strerror(errno));
	else
		failed = 0;
	free(beside);
	return failed ? -1 : 0;
}
