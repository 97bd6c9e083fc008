/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel in one pass who holds which socket (bpf/owners.c), instead of reading a link for
 * each descriptor. It needs root and a kernel with BTF, and pays off from a few thousand
 * descriptors on. A running census loads it once and uses it for every count.
 */
#include "census/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef OWNERS_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The program compiled by clang. */
extern const char owners_bpf[], owners_bpf_end[];
__asm__(".pushsection .rodata\n"
	".balign 8\n"
	"owners_bpf: .incbin \"" OWNERS_BPF "\"\n"
	"owners_bpf_end: .byte 0\n"
	".popsection\n");

#define AT_ONCE 1024 /* records of a read() */

struct bpf_owners {
	struct bpf_object *object;
	struct bpf_link *link;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

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
	struct bpf_owners *owners = calloc(1, sizeof(*owners));
	struct bpf_program *program;

	libbpf_set_print(quiet);
	if (!owners || !proc_is_ours())
		goto failed;
	owners->object =
	    bpf_object__open_mem(owners_bpf, (size_t)(owners_bpf_end - owners_bpf), NULL);
	if (!owners->object || bpf_object__load(owners->object) < 0)
		goto failed;
	program = bpf_object__find_program_by_name(owners->object, "list_owners");
	owners->link = program ? bpf_program__attach_iter(program, NULL) : NULL;
	if (owners->link)
		return owners;
failed:
	bpf_owners_free(owners);
	return NULL;
}

void bpf_owners_free(struct bpf_owners *owners)
{
	if (!owners)
		return;
	bpf_link__destroy(owners->link);
	bpf_object__close(owners->object);
	free(owners);
}

/* The kernel fills 32 KiB at most, and never splits a record. */
int bpf_owners_list(struct bpf_owners *owners, struct records *records)
{
	int fd = bpf_iter_create(bpf_link__fd(owners->link)), result = fd < 0 ? errno : 0;
	ssize_t length = 1;

	records->count = 0;
	while (result == 0 && length > 0) {
		if (records->room - records->count < AT_ONCE) {
			size_t room = records->room ? records->room * 2 : 16 * AT_ONCE;
			struct record *moved = reallocarray(records->record, room, sizeof(*moved));

			result = moved ? 0 : ENOMEM;
			records->record = moved ? moved : records->record;
			records->room = moved ? room : records->room;
			continue;
		}
		length =
		    read(fd, records->record + records->count, AT_ONCE * sizeof(*records->record));
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
#else /* built without clang or libbpf */
struct bpf_owners *bpf_owners_new(void)
{
	return NULL;
}

void bpf_owners_free(struct bpf_owners *owners)
{
	(void)owners;
}

int bpf_owners_list(struct bpf_owners *owners, struct records *records)
{
	(void)owners;
	(void)records;
	return ENOSYS;
}
#endif
