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
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct bpf_owners {
	int link;
	struct window *window; /* shared with the program */
};

/* The types of the program, which bpf_loop() needs: all its functions are int list_owners(). */
enum { INTEGER = 1, PROTOTYPE, FUNCTION };
#define NAMES "\0int\0list_owners"
static const struct types {
	struct btf_header header;
	uint32_t integer[4], prototype[3], function[3];
	char names[sizeof(NAMES)];
} types = {
    .header = {.magic = BTF_MAGIC,
	       .version = BTF_VERSION,
	       .hdr_len = sizeof(struct btf_header),
	       .type_len = 10 * sizeof(uint32_t),
	       .str_off = 10 * sizeof(uint32_t),
	       .str_len = sizeof(NAMES)},
    .integer = {1, BTF_KIND_INT << 24, sizeof(int), BTF_INT_SIGNED << 24 | 32},
    .prototype = {0, BTF_KIND_FUNC_PROTO << 24, INTEGER},
    .function = {5, BTF_KIND_FUNC << 24, PROTOTYPE},
    .names = NAMES,
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

/* Write the program for this kernel. Returns 0, or -1 with errno. */
static int write_program(struct iterator *iterator, int map)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC), result = -1;
	struct stat file;
	void *bytes;

	if (fd < 0)
		return -1;
	if (fstat(fd, &file) == 0 && file.st_size > 0) {
		bytes = map_file(fd, (size_t)file.st_size);
		if (bytes != MAP_FAILED) {
			result = iterator_write(iterator, bytes, (size_t)file.st_size, map);
			errno = EOPNOTSUPP; /* if that kernel lacks something */
			munmap(bytes, (size_t)file.st_size);
		}
	}
	close(fd);
	return result;
}

static int load_types(void)
{
	union bpf_attr load = {
	    .btf = (uintptr_t)&types,
	    .btf_size = offsetof(struct types, names) + sizeof(NAMES),
	};

	return bpf(BPF_BTF_LOAD, &load);
}

static int load_program(const struct iterator *iterator, int described)
{
	struct bpf_func_info functions[ITERATOR_FUNCTIONS];
	union bpf_attr load = {
	    .prog_type = BPF_PROG_TYPE_TRACING,
	    .expected_attach_type = BPF_TRACE_ITER,
	    .attach_btf_id = iterator->attach,
	    .insns = (uintptr_t)iterator->code.instruction,
	    .insn_cnt = (uint32_t)iterator->code.count,
	    .license = (uintptr_t)ITERATOR_LICENSE,
	    .prog_name = "list_owners",
	    .prog_btf_fd = (uint32_t)described,
	    .func_info = (uintptr_t)functions,
	    .func_info_rec_size = sizeof(functions[0]),
	    .func_info_cnt = ITERATOR_FUNCTIONS,
	};

	for (int i = 0; i < ITERATOR_FUNCTIONS; i++)
		functions[i] = (struct bpf_func_info){(uint32_t)iterator->function[i], FUNCTION};
	return bpf(BPF_PROG_LOAD, &load);
}

static int create_link(int program)
{
	union bpf_attr create = {.link_create = {.attach_type = BPF_TRACE_ITER}};

	create.link_create.prog_fd = (uint32_t)program;
	return bpf(BPF_LINK_CREATE, &create);
}

/* An array that can be mapped, with a struct window as its only element. */
static int create_map(void)
{
	union bpf_attr create = {
	    .map_type = BPF_MAP_TYPE_ARRAY,
	    .key_size = sizeof(uint32_t),
	    .value_size = sizeof(struct window),
	    .max_entries = 1,
	    .map_flags = BPF_F_MMAPABLE,
	    .map_name = "window",
	};

	return bpf(BPF_MAP_CREATE, &create);
}

/* Returns a link to the program, which keeps all that it needs, or -1. */
static int load_all(int map)
{
	struct iterator iterator;
	int described, program = -1, link = -1;

	if (write_program(&iterator, map) < 0)
		return -1;
	described = load_types();
	if (described >= 0)
		program = load_program(&iterator, described);
	if (program >= 0)
		link = create_link(program);
	if (program >= 0)
		close(program);
	if (described >= 0)
		close(described);
	return link;
}

struct bpf_owners *bpf_owners_new(void)
{
	struct bpf_owners *owners = calloc(1, sizeof(*owners));
	void *window = MAP_FAILED;
	int map;

	if (!owners)
		return NULL;
	owners->link = -1;
	errno = ENOENT; /* if /proc is not ours */
	map = proc_is_ours() ? create_map() : -1;
	if (map >= 0) {
		window =
		    mmap(NULL, sizeof(struct window), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
		owners->link = window == MAP_FAILED ? -1 : load_all(map);
		close(map);
	}
	owners->window = window == MAP_FAILED ? NULL : window;
	if (owners->link >= 0)
		return owners;
	bpf_owners_free(owners);
	return NULL;
}

void bpf_owners_free(struct bpf_owners *owners)
{
	if (!owners)
		return;
	if (owners->link >= 0)
		close(owners->link);
	if (owners->window)
		munmap(owners->window, sizeof(*owners->window));
	free(owners);
}

static int create_iterator(const struct bpf_owners *owners)
{
	union bpf_attr attributes = {.iter_create.link_fd = (uint32_t)owners->link};

	return bpf(BPF_ITER_CREATE, &attributes);
}

/* All tables, as far as the window shows them. The kernel never splits a record. */
static int list_window(const struct bpf_owners *owners, struct records *records)
{
	int fd = create_iterator(owners), result = fd < 0 ? errno : 0;
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
	struct window *window = owners->window;
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
