/* SPDX-License-Identifier: MIT */
/* The stack of a thread: registers, mappings, unwinding; each stack is stored once. */
#ifndef BLAME_STACKS_H
#define BLAME_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- registers.c ----------------------------------------------------------------------------- */

/* By their numbers in DWARF (System V ABI, AMD64 supplement, figure 3.36). */
enum { REGISTER_RBX = 3, REGISTER_RBP = 6, REGISTER_RSP = 7, REGISTER_RIP = 16, REGISTERS };

struct registers {
	uint64_t value[REGISTERS];
	uint32_t known; /* a bit for each; only rsp and rip of a thread that is not stopped */
};

/* Whether blame knows this machine's architecture. */
extern const bool registers_supported;

/* Of the stopped thread @tid. Returns 0, or -1. */
int registers_read(pid_t tid, struct registers *registers);

/* The flags of the clone(2), clone3(2), fork(2) or vfork(2) that @tid is in. */
uint64_t registers_clone_flags(pid_t tid);

/* Suppress the call at whose entry @tid is stopped: it fails with @error (an errno). */
void registers_refuse(pid_t tid, int error);

/* Whether @tid returns from a system call that fails with EINTR, and have the kernel repeat the
 * call instead, if no signal handler runs first. */
bool registers_interrupted(pid_t tid);
void registers_restart(pid_t tid);

/* The system call that @tid would make with its next instruction; -1: that is not a call. */
long registers_next_call(pid_t tid, const struct registers *registers, uint64_t argument[3]);

/* ---- modules.c, maps.c ----------------------------------------------------------------------- */

/* An ELF file that is mapped somewhere. */
struct module;

/* The module of the file that @pid knows as @path, opened once; 0: not an ELF file. */
uint32_t module_of(pid_t pid, const char *path);
const char *module_path(uint32_t number);
uint32_t module_count(void);

/* The address, in the file's own numbering, where its byte @offset is loaded; false: nowhere. */
bool module_address(uint32_t number, uint64_t offset, uint64_t *address);

/* Whether it is a system library, which has no line of the program itself. */
bool module_of_system(uint32_t number);

struct mapping {
	uint64_t start, end, offset;
	uint32_t module; /* 0: no file, or no code */
};

/* The executable mappings of a process, shared by its threads. */
struct maps {
	unsigned int users;
	struct mapping *mapping;
	size_t count, room;
	uint64_t missing[8]; /* pages that had no mapping when last looked for */
};

/* Pure: a line of /proc/PID/maps. Returns its path ("" for none) if it is executable. */
const char *maps_line(const char *line, struct mapping *mapping);

void maps_load(struct maps *maps, pid_t pid);

/* The mapping of @pc among those that are known, or NULL. */
const struct mapping *maps_at(const struct maps *maps, uint64_t pc);

/* The mapping of @pc. A missing one is looked for once more, and then never again. */
const struct mapping *maps_find(struct maps *maps, pid_t pid, uint64_t pc);

/* ---- rows.c ---------------------------------------------------------------------------------- */

enum row_kind {
	ROW_EMPTY,
	ROW_FRAME,  /* the rest of the row holds */
	ROW_SIGNAL, /* below is a struct ucontext: a signal was delivered here */
	ROW_END,    /* the outermost frame */
	ROW_NONE,   /* nothing is known about this address */
};

enum { SAVED = 7, SAVED_RETURN = SAVED - 1 };
#define NOT_SAVED INT32_MIN
extern const uint8_t row_saved[SAVED]; /* numbers of registers */

/* How to get from a frame to its caller's (DWARF 5, 6.4). */
struct row {
	uint64_t pc;
	uint32_t module;
	uint8_t kind;
	uint8_t base;	   /* the register relative to which the frame begins, */
	int32_t offset;	   /* this many bytes further */
	int32_t at[SAVED]; /* from there on, the caller's registers; or NOT_SAVED */
};

/* For the address @pc of a module. The row is valid until the next call. */
const struct row *row_of(uint32_t module, uint64_t pc);

/* The CFI of a module, by libdw: .eh_frame, or with @debug that of .debug_frame; NULL: none. */
struct Dwarf_CFI_s *module_cfi(uint32_t number, bool debug);

/* ---- unwind.c -------------------------------------------------------------------------------- */

enum { DEPTH = 48 };

struct frame {
	uint64_t address; /* in the module's file; without one, as it is */
	uint32_t module;
};

/* A window into the memory of a process, which is read in larger pieces. */
struct memory {
	pid_t pid;
	bool frozen; /* nothing beyond it may be read: that would be of another moment */
	uint64_t base;
	size_t length;
	uint8_t bytes[16384];
};

/* A copy of a thread's stack, from rsp on, taken together with the registers. */
struct dump {
	const uint8_t *bytes;
	size_t length;
};

/* The word at @address. Returns false when it cannot be read. */
bool memory_word(struct memory *memory, uint64_t address, uint64_t *word);

/* @length bytes at @address; false when not all can be read. */
bool memory_copy(pid_t pid, uint64_t address, void *bytes, size_t length);

/* The frames of a thread with these registers, innermost first. @dump: of its stack; NULL: read it
 * now. Returns their number. */
size_t unwind(struct maps *maps, pid_t tid, const struct registers *registers,
	      const struct dump *dump, struct frame frames[DEPTH]);

/* ---- guess.c --------------------------------------------------------------------------------- */

/* Pure: do the 8 bytes before a return address end with a call? */
bool guess_is_call(const uint8_t bytes[8]);

/* Without CFI: go to the caller by what a call leaves on the stack. @leaf: this frame made no call,
 * so rbp may hold anything. Returns false when nothing was found. */
bool guess_caller(struct maps *maps, struct memory *memory, struct registers *registers, bool leaf);

/* Find rbp of a thread whose registers are unknown, by what a frame that begins with `push rbp`
 * leaves. Returns false when nothing was found. */
bool guess_frame_pointer(struct maps *maps, struct memory *memory, struct registers *registers);

/* ---- stacks.c -------------------------------------------------------------------------------- */

enum { STACKS_MOST = 1 << 16 };

struct stack {
	uint64_t hash;
	size_t count;
	struct frame frame[];
};

/* The number of a stack, from 1 on; 0: there are too many, or it is empty. */
uint32_t stack_number(const struct frame *frames, size_t count);
const struct stack *stack_at(uint32_t number);
uint32_t stack_count(void);

#endif
