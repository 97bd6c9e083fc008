/* SPDX-License-Identifier: MIT */
/* What the kernel writes about a system call (perf_event_open(2), PERF_RECORD_SAMPLE). */
#include "blame/internal.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a record that have not been parsed. */
struct rest {
	const uint8_t *bytes;
	size_t length;
};

static bool take(struct rest *rest, void *value, size_t size)
{
	if (rest->length < size)
		return false;
	memcpy(value, rest->bytes, size);
	rest->bytes += size;
	rest->length -= size;
	return true;
}

static bool skip(struct rest *rest, size_t size)
{
	if (rest->length < size)
		return false;
	rest->bytes += size;
	rest->length -= size;
	return true;
}

/* The fields of raw_syscalls:sys_enter and sys_exit, as in their files "format". */
static bool take_tracepoint(struct rest *rest, unsigned int leave, struct sample *sample)
{
	struct {
		uint16_t type;
		uint8_t flags, preempted;
		int32_t pid;
		int64_t number;
	} common;
	struct rest raw;
	uint32_t size;

	if (!take(rest, &size, sizeof(size)) || rest->length < size)
		return false;
	raw = (struct rest){rest->bytes, size};
	skip(rest, size);
	if (!take(&raw, &common, sizeof(common)))
		return false;
	sample->number = common.number;
	sample->leaves = common.type == leave;
	return sample->leaves ? take(&raw, &sample->result, sizeof(sample->result))
			      : take(&raw, sample->argument, sizeof(sample->argument));
}

static bool take_registers(struct rest *rest, struct registers *registers)
{
	/* In the order of enum perf_event_x86_regs. */
	static const uint8_t order[] = {REGISTER_RBX, REGISTER_RBP, REGISTER_RSP, REGISTER_RIP,
					12,	      13,	    14,		  15};
	uint64_t abi;

	if (!take(rest, &abi, sizeof(abi)) || abi != PERF_SAMPLE_REGS_ABI_64)
		return false;
	for (size_t i = 0; i < sizeof(order); i++)
		if (!take(rest, &registers->value[order[i]], sizeof(uint64_t)))
			return false;
	registers->known = ~0u;
	return true;
}

static bool take_stack(struct rest *rest, struct dump *dump)
{
	uint64_t size, used;

	if (!take(rest, &size, sizeof(size)))
		return false;
	if (size == 0)
		return true;
	dump->bytes = rest->bytes;
	if (size > rest->length || !skip(rest, size) || !take(rest, &used, sizeof(used)))
		return false;
	dump->length = used < size ? used : size;
	return true;
}

bool sample_parse(const uint8_t *record, size_t size, unsigned int leave, struct sample *sample)
{
	struct rest rest = {record, size};
	struct {
		uint32_t pid, tid;
		uint64_t time;
	} head;

	*sample = (struct sample){0};
	if (!skip(&rest, sizeof(struct perf_event_header)) || !take(&rest, &head, sizeof(head)))
		return false;
	sample->pid = (pid_t)head.pid;
	sample->tid = (pid_t)head.tid;
	sample->time = (int64_t)head.time;
	if (!take_tracepoint(&rest, leave, sample))
		return false;
	return !sample->leaves ||
	       (take_registers(&rest, &sample->registers) && take_stack(&rest, &sample->dump));
}

unsigned int sample_tracepoint(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return end == text || (*end && *end != '\n') || number > UINT16_MAX ? 0
									    : (unsigned int)number;
}
