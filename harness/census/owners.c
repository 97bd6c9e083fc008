/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel in one pass who holds which socket (iterator.c), instead of reading a link for
 * each descriptor. It pays off from a few thousand descriptors on.
 */
#include "census/bpf.h"
#include "census/iterator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bpf_owners {
	struct bpf_program program;
};

/* /proc may belong to another pid namespace; then its numbers are not the iterator's. */
static bool proc_is_ours(void)
{
	char own[32], link[32];
	ssize_t length = readlink("/proc/self", link, sizeof(link) - 1);

	snprintf(own, sizeof(own), "%d", getpid());
	link[length > 0 ? length : 0] = '\0';
	return !strcmp(own, link);
}

struct bpf_owners *bpf_owners_new(void)
{
	static const struct bpf_plan plan = {iterator_write, sizeof(struct window), false};
	struct bpf_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	errno = ENOENT; /* if /proc is not ours */
	if (proc_is_ours() && bpf_load(&owners->program, &plan) == 0)
		return owners;
	free(owners);
	return NULL;
}

void bpf_owners_free(struct bpf_owners *owners)
{
	if (!owners)
		return;
	bpf_unload(&owners->program);
	free(owners);
}

/* All tables, as far as the window shows them. The kernel never splits a record. */
static int list_window(const struct bpf_owners *owners, struct records *records)
{
	int fd = bpf_run(&owners->program), result = fd < 0 ? errno : 0;
	ssize_t length = 1;

	while (result == 0 && length > 0) {
		result = records_make_room(records);
		if (result)
			break;
		length = read(fd, records->record + records->count,
			      RECORDS_AT_ONCE * sizeof(*records->record));
		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			length = sizeof(*records->record); /* again: nothing was written */
		else if (length < 0)
			result = errno;
		else
			records->count += (size_t)length / sizeof(*records->record);
	}
	if (fd >= 0)
		close(fd);
	return result;
}

int bpf_owners_list(struct bpf_owners *owners, struct records *records)
{
	struct window *window = owners->program.shared;
	int result = 0;

	records->count = 0;
	*window = (struct window){.width = WINDOW, .more = true};
	while (result == 0 && window->more) {
		const size_t had = records->count;

		window->more = false;
		result = list_window(owners, records);
		if (result == E2BIG && window->width > WINDOW) { /* too much from one task */
			records->count = had;
			result = 0;
			window->more = true;
			window->width = WINDOW;
		} else {
			window_next(window, records->count - had);
		}
	}
	if (window->voids)
		records_drop_void(records);
	return result;
}
