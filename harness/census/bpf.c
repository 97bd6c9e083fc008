/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel in one pass who holds which socket (iterator.c), instead of reading a link for
 * each descriptor. It needs root and a kernel with BTF, and pays off from a few thousand
 * descriptors on. A running census loads it once and uses it for every count.
 */
#include "census/internal.h"
#include "census/iterator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT_ONCE 1024 /* records of a read() */

struct bpf_owners {
	int link;
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

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

/* The file can be mapped since Linux 6.16; before, it must be copied. */
static void *map_file(int fd, size_t length)
{
	void *bytes = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);

	if (bytes != MAP_FAILED)
		return bytes;
	bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t had = 0; bytes != MAP_FAILED && had < length;) {
		ssize_t more = pread(fd, (char *)bytes + had, length - had, (off_t)had);

		if (more <= 0)
			break; /* the rest stays 0, and makes no sense */
		had += (size_t)more;
	}
	return bytes;
}

/* Write the program for this kernel. Returns 0, or -1. */
static int write_program(struct iterator *iterator)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC), result = -1;
	struct stat file;
	void *bytes;

	if (fd < 0)
		return -1;
	if (fstat(fd, &file) == 0 && file.st_size > 0) {
		bytes = map_file(fd, (size_t)file.st_size);
		if (bytes != MAP_FAILED) {
			result = iterator_write(iterator, bytes, (size_t)file.st_size);
			munmap(bytes, (size_t)file.st_size);
		}
	}
	close(fd);
	return result;
}

/* Returns a link to it, or -1. */
static int load_program(const struct iterator *iterator)
{
	union bpf_attr load = {
	    .prog_type = BPF_PROG_TYPE_TRACING,
	    .expected_attach_type = BPF_TRACE_ITER,
	    .attach_btf_id = iterator->attach,
	    .insns = (uintptr_t)iterator->code,
	    .insn_cnt = (uint32_t)iterator->count,
	    .license = (uintptr_t)ITERATOR_LICENSE,
	    .prog_name = "list_owners",
	};
	union bpf_attr create = {0};
	int program = bpf(BPF_PROG_LOAD, &load), link;

	if (program < 0)
		return -1;
	create.link_create.prog_fd = (uint32_t)program;
	create.link_create.attach_type = BPF_TRACE_ITER;
	link = bpf(BPF_LINK_CREATE, &create);
	close(program); /* the link keeps it */
	return link;
}

struct bpf_owners *bpf_owners_new(void)
{
	struct bpf_owners *owners = calloc(1, sizeof(*owners));
	struct iterator iterator;

	if (!owners)
		return NULL;
	owners->link =
	    proc_is_ours() && write_program(&iterator) == 0 ? load_program(&iterator) : -1;
	if (owners->link >= 0)
		return owners;
	free(owners);
	return NULL;
}

void bpf_owners_free(struct bpf_owners *owners)
{
	if (!owners)
		return;
	close(owners->link);
	free(owners);
}

static int create_iterator(const struct bpf_owners *owners)
{
	union bpf_attr attributes = {.iter_create.link_fd = (uint32_t)owners->link};

	return bpf(BPF_ITER_CREATE, &attributes);
}

/* The kernel fills 32 KiB at most, and never splits a record. */
int bpf_owners_list(struct bpf_owners *owners, struct records *records)
{
	int fd = create_iterator(owners), result = fd < 0 ? errno : 0;
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
