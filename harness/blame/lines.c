/* SPDX-License-Identifier: MIT */
/*
 * Addresses become functions and lines. This is done in a separate process, after the program has
 * gone on: the debug information of a large program takes more memory than the rest of blame.
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

/* /usr/lib/debug and .gnu_debuglink are searched; nothing is fetched from elsewhere. */
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

/* @folder: where the compiler ran, to which the name of the source may be relative. */
static void write_frame(struct json *json, const char *function, const char *folder,
			const char *source, int line)
{
	char *whole = NULL;

	if (source && source[0] != '/' && folder && asprintf(&whole, "%s/%s", folder, source) < 0)
		whole = NULL;
	json_object(json, NULL);
	json_string(json, "function", function);
	json_string(json, "file", whole ? whole : source);
	json_signed(json, "line", line);
	json_end(json);
	free(whole);
}

/* The symbol that contains @address, not one that ends before it. */
static const char *symbol_at(const struct opened *file, GElf_Addr address)
{
	GElf_Off offset;
	GElf_Sym symbol;
	const char *name =
	    dwfl_module_addrinfo(file->module, address, &offset, &symbol, NULL, NULL, NULL);

	return name && (offset == 0 || offset < symbol.st_size) ? name : NULL;
}

static bool is_function(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

/* Whether something inside may be code at @pc: a namespace or a type does not say. */
static bool may_hold(Dwarf_Die *die, Dwarf_Addr pc)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_enumeration_type:
		return true;
	case DW_TAG_subprogram:
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
		return dwarf_haspc(die, pc) > 0;
	default:
		return false;
	}
}

/*
 * The functions at @pc below @die, outermost first, after the @count already found. (Rust nests
 * them in namespaces, where dwarf_getscopes() of elfutils 0.188 does not look.) Returns how many.
 */
static int find_functions(Dwarf_Die *die, Dwarf_Addr pc, Dwarf_Die functions[INLINES], int count)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return count;
	do {
		int found = count;

		if (!may_hold(&child, pc))
			continue;
		if (is_function(dwarf_tag(&child)) && count < INLINES)
			functions[found++] = child;
		found = find_functions(&child, pc, functions, found);
		if (found > count)
			return found;
	} while (dwarf_siblingof(&child, &child) == 0);
	return count;
}

/* The compilation unit with code at @address; *@bias: of the addresses in it. libdwfl needs
 * .debug_aranges for that, which Clang and Go do not write. */
static Dwarf_Die *unit_at(const struct opened *file, GElf_Addr address, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(file->module, address, bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(file->module, unit, bias)))
		if (dwarf_haspc(unit, address - *bias) > 0)
			return unit;
	return NULL;
}

/* The innermost function, and those it was inlined into. */
static void write_functions(struct json *json, const struct opened *file, GElf_Addr address)
{
	const char *source = NULL, *folder = NULL;
	Dwarf_Die functions[INLINES];
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = unit_at(file, address, &bias);
	int count = unit ? find_functions(unit, address - bias, functions, 0) : 0, line = 0;
	Dwarf_Line *row = unit ? dwarf_getsrc_die(unit, address - bias) : NULL;
	Dwarf_Files *table = NULL;
	Dwarf_Attribute attribute;

	if (row && dwarf_lineno(row, &line) == 0)
		source = dwarf_linesrc(row, NULL, NULL);
	if (unit) {
		dwarf_getsrcfiles(unit, &table, NULL);
		folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	}
	for (int i = count - 1; i >= 0; i--) {
		Dwarf_Word number;

		write_frame(json, dwarf_diename(&functions[i]), folder, source, line);
		/* The next one is the place of the call. */
		if (dwarf_formudata(dwarf_attr(&functions[i], DW_AT_call_file, &attribute),
				    &number) == 0)
			source = dwarf_filesrc(table, number, NULL, NULL);
		if (dwarf_formudata(dwarf_attr(&functions[i], DW_AT_call_line, &attribute),
				    &number) == 0)
			line = (int)number;
	}
	if (count == 0)
		write_frame(json, symbol_at(file, address), folder, source, line);
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
			result = error_set(error, EXIT_USAGE, "not an ADDRESS PATH: %s", line);
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
