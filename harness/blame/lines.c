/* SPDX-License-Identifier: MIT */
/*
 * Addresses become functions and lines. This is done in a process of its own, after the program has
 * gone on: the debug information of a large one takes more memory than all the rest of blame.
 */
#include "blame/internal.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 256, INLINES = 32 };

/* An ELF file that was asked about, with the address that libdwfl gives to its first byte. */
struct opened {
	char *path;
	Dwfl *dwfl;
	Dwfl_Module *module;
	GElf_Addr bias;
};

static struct opened files[FILES];
static size_t file_count;

const char *lines_question(const char *line, uint64_t *address)
{
	char *end;

	errno = 0;
	*address = strtoull(line, &end, 16);
	return end == line || errno || end[0] != ' ' || end[1] != '/' ? NULL : end + 1;
}

/* /usr/lib/debug and .gnu_debuglink are looked at; nothing is fetched from elsewhere. */
static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static struct opened *open_file(const char *path, const char *symbols)
{
	struct opened *file = &files[file_count];
	const char *read = symbols && !strcmp(base_name(symbols), base_name(path)) ? symbols : path;
	GElf_Addr first;
	Elf *elf;

	for (size_t i = 0; i < file_count; i++)
		if (!strcmp(files[i].path, path))
			return &files[i];
	if (file_count == FILES)
		return NULL;
	*file = (struct opened){.path = strdup(path), .dwfl = dwfl_begin(&callbacks)};
	if (!file->path || !file->dwfl)
		return NULL;
	file_count++;
	dwfl_report_begin(file->dwfl);
	file->module = dwfl_report_offline(file->dwfl, read, read, -1);
	dwfl_report_end(file->dwfl, NULL, NULL);
	elf = file->module ? dwfl_module_getelf(file->module, &file->bias) : NULL;
	if (elf && dwfl_module_info(file->module, NULL, &first, NULL, NULL, NULL, NULL, NULL))
		return file;
	file->module = NULL;
	return file;
}

static void write_frame(struct json *json, const char *function, const char *source, int line)
{
	json_object(json, NULL);
	json_string(json, "function", function);
	json_string(json, "file", source);
	json_signed(json, "line", line);
	json_end(json);
}

/* The symbol that @address lies in: not one that ends before it. */
static const char *symbol_at(const struct opened *file, GElf_Addr address)
{
	GElf_Off offset;
	GElf_Sym symbol;
	const char *name = dwfl_module_addrinfo(file->module, address, &offset, &symbol, NULL, NULL,
						NULL);

	return name && (offset == 0 || offset < symbol.st_size) ? name : NULL;
}

/* The innermost function, and those that it was inlined into. */
static void write_functions(struct json *json, const struct opened *file, GElf_Addr address)
{
	Dwfl_Line *row = dwfl_module_getsrc(file->module, address);
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = dwfl_module_addrdie(file->module, address, &bias), *scopes = NULL;
	int count = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0, line = 0;
	const char *source = row ? dwfl_lineinfo(row, NULL, &line, NULL, NULL, NULL) : NULL;
	Dwarf_Files *table = NULL;
	bool written = false;

	if (unit)
		dwarf_getsrcfiles(unit, &table, NULL);
	for (int i = 0; i < count; i++) {
		int tag = dwarf_tag(&scopes[i]);
		Dwarf_Attribute attribute;
		Dwarf_Word number;

		if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
			continue;
		write_frame(json, dwarf_diename(&scopes[i]), source, line);
		written = true;
		if (tag == DW_TAG_subprogram)
			break;
		/* The next one is where it was called from. */
		if (dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_file, &attribute), &number) == 0)
			source = dwarf_filesrc(table, number, NULL, NULL);
		if (dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_line, &attribute), &number) == 0)
			line = (int)number;
	}
	if (!written)
		write_frame(json, symbol_at(file, address), source, line);
	free(scopes);
}

static void answer(struct json *json, const char *path, uint64_t address, const char *symbols)
{
	const struct opened *file = open_file(path, symbols);

	json_object(json, NULL);
	json_unsigned(json, "address", address);
	json_string(json, "path", path);
	json_array(json, "frames");
	if (file && file->module)
		write_functions(json, file, address + file->bias);
	json_end(json);
	json_end(json);
}

int lines(FILE *in, FILE *out, const char *symbols, struct error *error)
{
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	while (result == 0 && getline(&line, &size, in) > 0) {
		struct json json = {.out = out};
		uint64_t address;
		const char *path;

		line[strcspn(line, "\n")] = '\0';
		path = lines_question(line, &address);
		if (!path) {
			result = error_set(error, EXIT_USAGE, "no ADDRESS PATH: %s", line);
			break;
		}
		answer(&json, path, address, symbols);
		fputc('\n', out);
	}
	free(line);
	for (size_t i = 0; i < file_count; i++) {
		dwfl_end(files[i].dwfl);
		free(files[i].path);
	}
	file_count = 0;
	return result;
}
