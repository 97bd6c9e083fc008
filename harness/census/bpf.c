/* SPDX-License-Identifier: MIT */
/*
 * Loads a BPF program that is an iterator, and runs it. It needs root and a kernel with BTF. A
 * running census loads a program once and uses it for every count.
 */
#include "census/bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The types of the program, which bpf_loop() needs: all its functions are int list(). */
enum { INTEGER = 1, PROTOTYPE, FUNCTION };
#define NAMES "\0int\0list"
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
static int write_program(struct iterator *iterator, iterator_writer *write, int map)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC), result = -1;
	struct stat file;
	void *bytes;

	if (fd < 0)
		return -1;
	if (fstat(fd, &file) == 0 && file.st_size > 0) {
		bytes = map_file(fd, (size_t)file.st_size);
		if (bytes != MAP_FAILED) {
			result = write(iterator, bytes, (size_t)file.st_size, map);
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
	    .prog_name = "list",
	    .prog_btf_fd = (uint32_t)described,
	    .func_info = (uintptr_t)functions,
	    .func_info_rec_size = sizeof(functions[0]),
	    .func_info_cnt = (uint32_t)iterator->functions,
	};

	for (int i = 0; i < iterator->functions; i++)
		functions[i] = (struct bpf_func_info){(uint32_t)iterator->function[i], FUNCTION};
	return bpf(BPF_PROG_LOAD, &load);
}

static int create_link(int program, int map)
{
	union bpf_iter_link_info walked = {.map.map_fd = (uint32_t)map};
	union bpf_attr create = {.link_create = {.attach_type = BPF_TRACE_ITER}};

	create.link_create.prog_fd = (uint32_t)program;
	if (map >= 0) {
		create.link_create.iter_info = (uintptr_t)&walked;
		create.link_create.iter_info_len = sizeof(walked);
	}
	return bpf(BPF_LINK_CREATE, &create);
}

/* An array of one element that can be mapped. */
static int create_map(size_t size)
{
	union bpf_attr create = {
	    .map_type = BPF_MAP_TYPE_ARRAY,
	    .key_size = sizeof(uint32_t),
	    .value_size = (uint32_t)size,
	    .max_entries = 1,
	    .map_flags = BPF_F_MMAPABLE,
	    .map_name = "shared",
	};

	return bpf(BPF_MAP_CREATE, &create);
}

/* Returns a link to the program, which keeps all that it needs, or -1. */
static int load_all(const struct bpf_plan *plan, int map)
{
	struct iterator iterator;
	int described, program = -1, link = -1;

	if (write_program(&iterator, plan->write, map) < 0)
		return -1;
	described = load_types();
	if (described >= 0)
		program = load_program(&iterator, described);
	if (program >= 0)
		link = create_link(program, plan->of_map ? map : -1);
	if (program >= 0)
		close(program);
	if (described >= 0)
		close(described);
	return link;
}

int bpf_load(struct bpf_program *program, const struct bpf_plan *plan)
{
	void *shared = MAP_FAILED;
	int map = create_map(plan->shared);

	*program = (struct bpf_program){.link = -1, .size = plan->shared};
	if (map >= 0) {
		shared = mmap(NULL, plan->shared, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
		program->link = shared == MAP_FAILED ? -1 : load_all(plan, map);
		close(map);
	}
	program->shared = shared == MAP_FAILED ? NULL : shared;
	if (program->link >= 0)
		return 0;
	bpf_unload(program);
	return -1;
}

void bpf_unload(struct bpf_program *program)
{
	if (program->link >= 0)
		close(program->link);
	if (program->shared)
		munmap(program->shared, program->size);
	*program = (struct bpf_program){.link = -1};
}

int bpf_run(const struct bpf_program *program)
{
	union bpf_attr attributes = {.iter_create.link_fd = (uint32_t)program->link};

	return bpf(BPF_ITER_CREATE, &attributes);
}
