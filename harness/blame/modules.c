/* SPDX-License-Identifier: MIT */
/* The ELF files that are mapped, each opened once: their segments, and what libdw has of their CFI.
 */
#include "blame/internal.h"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS = 16 };

struct module {
	char *path;
	dev_t device;
	ino_t inode;
	Elf *elf;
	Dwarf *dwarf; /* opened when first needed: it may have to be unpacked */
	Dwarf_CFI *frames, *debug_frames;
	bool opened, opened_debug;
	size_t segments;
	struct {
		uint64_t offset, address, length;
	} segment[SEGMENTS];
};

static struct module *modules;
static uint32_t modules_used, modules_room;

static void read_segments(struct module *module)
{
	size_t headers = 0;

	if (elf_kind(module->elf) != ELF_K_ELF || elf_getphdrnum(module->elf, &headers) < 0)
		return;
	for (size_t i = 0; i < headers && module->segments < SEGMENTS; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(module->elf, (int)i, &header) || header.p_type != PT_LOAD)
			continue;
		module->segment[module->segments].offset = header.p_offset;
		module->segment[module->segments].address = header.p_vaddr;
		module->segment[module->segments++].length = header.p_filesz;
	}
}

static struct module *module_new(const char *path, const struct stat *file, int fd)
{
	struct module *module;

	if (modules_used == modules_room) {
		uint32_t room = modules_room ? modules_room * 2 : 16;
		struct module *larger = realloc(modules, room * sizeof(*modules));

		if (!larger)
			return NULL;
		modules = larger;
		modules_room = room;
	}
	module = &modules[modules_used];
	*module = (struct module){
	    .path = strdup(path), .device = file->st_dev, .inode = file->st_ino, .elf = NULL};
	if (!module->path)
		return NULL;
	elf_version(EV_CURRENT);
	module->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL); /* it no longer needs the descriptor */
	if (module->elf)
		elf_cntl(module->elf, ELF_C_FDREAD);
	read_segments(module);
	modules_used++;
	return module;
}

uint32_t module_of(pid_t pid, const char *path)
{
	struct module *module;
	struct stat file;
	char *rooted;
	int fd;

	/* The program may see other files than we do. */
	if (path[0] != '/' || asprintf(&rooted, "/proc/%d/root%s", pid, path) < 0)
		return 0;
	fd = open(rooted, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	free(rooted);
	if (fd < 0)
		return 0;
	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode)) {
		close(fd);
		return 0;
	}
	for (uint32_t i = 0; i < modules_used; i++)
		if (modules[i].device == file.st_dev && modules[i].inode == file.st_ino) {
			close(fd);
			return i + 1;
		}
	module = module_new(path, &file, fd);
	close(fd);
	return module ? (uint32_t)(module - modules) + 1 : 0;
}

const char *module_path(uint32_t number)
{
	return number ? modules[number - 1].path : "";
}

uint32_t module_count(void)
{
	return modules_used;
}

bool module_address(uint32_t number, uint64_t offset, uint64_t *address)
{
	const struct module *module = &modules[number - 1];

	for (size_t i = 0; i < module->segments; i++)
		if (offset - module->segment[i].offset < module->segment[i].length) {
			*address = offset - module->segment[i].offset + module->segment[i].address;
			return true;
		}
	return false;
}

bool module_of_system(uint32_t number)
{
	const char *path = module_path(number);

	return !strncmp(path, "/usr/lib", 8) || !strncmp(path, "/lib", 4);
}

Dwarf_CFI *module_cfi(uint32_t number, bool debug)
{
	struct module *module = &modules[number - 1];

	if (!debug) {
		if (!module->opened && module->segments)
			module->frames = dwarf_getcfi_elf(module->elf);
		module->opened = true;
		return module->frames;
	}
	if (!module->opened_debug && module->segments) {
		module->dwarf = dwarf_begin_elf(module->elf, DWARF_C_READ, NULL);
		module->debug_frames = module->dwarf ? dwarf_getcfi(module->dwarf) : NULL;
	}
	module->opened_debug = true;
	return module->debug_frames;
}
