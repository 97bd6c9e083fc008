/* SPDX-License-Identifier: MIT */
/*
 * What blame reads of a program that it follows: /proc, control messages, the kernel's samples, and
 * reports of helpers in it. The program chooses file names, messages and much of its memory.
 */
#include <string.h>

#include "blame/internal.h"
#include "common/states.h"
#include "fuzz/fuzz.h"

static void check_maps(const char *text)
{
	struct mapping mapping;
	const char *path = maps_line(text, &mapping);

	if (!path)
		return;
	MUST(mapping.start < mapping.end && !mapping.module);
	MUST(path[0] == '\0' || (path >= text && path <= text + strlen(text)));
}

static void check_proc(const char *text)
{
	struct registers registers;
	uint32_t inode, unread;
	long call;
	int state;

	if (now_from(text, &call, &registers))
		MUST(call >= 0 && registers.known == (1u << REGISTER_RSP | 1u << REGISTER_RIP));
	if (inet_line(text, &inode, &state, &unread))
		MUST(inode && state_name(state));
	MUST(sample_tracepoint(text) <= UINT16_MAX);
}

static void check_told(const char *text)
{
	enum told_kind kind;
	uint64_t address;
	const char *where = told_parse(text, &(int){0}, &kind);
	const char *path = lines_question(text, &address);

	MUST(!where || (*where && kind < TOLD_KINDS));
	MUST(!path || path[0] == '/');
}

/* The bytes may be a damaged record: nothing beyond it is read, and the stack is inside it. */
static void check_binary(const uint8_t *bytes, size_t size)
{
	int fds[PASSED_MOST];
	struct sample sample;
	uint8_t *copy = malloc(size ? size : 1);

	MUST(copy);
	if (size)
		memcpy(copy, bytes, size);
	MUST(passed_descriptors(copy, size, fds) <= PASSED_MOST);
	for (unsigned int leave = 0; leave < 2; leave++)
		if (sample_parse(copy, size, leave ? 0x0101 : 0, &sample) && sample.dump.length)
			MUST(sample.dump.bytes >= copy &&
			     sample.dump.bytes + sample.dump.length <= copy + size);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = fuzz_text(bytes, size);

	check_maps(text);
	check_proc(text);
	check_told(text);
	check_binary(bytes, size);
	free(text);
	return 0;
}
