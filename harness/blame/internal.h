/* SPDX-License-Identifier: MIT */
/*
 * blame: which line of a program took a socket, and which touched it last.
 *
 *	calls.c    the system calls that say something about sockets
 *	filter.c   ... at which the kernel stops the program (seccomp(2))
 *	trace.c    the loop of ptrace(2): what stopped, what it means, how it goes on
 *	signals.c  ... what a signal means
 *	follow.c   what a call does to the descriptors, and what is remembered of it
 *	ends.c     ... whether it ended the connection
 *	tables.c   descriptors and sockets; passed.c: those that travel in messages
 *	tasks.c    threads and processes: what they share, copy and inherit
 *	orphans.c  ... when their parent was killed before it told
 *	told.c     what helpers within Python and node tell of it
 *	unwind.c   the stack of a thread: maps.c, modules.c, rows.c, guess.c
 *	stacks.c   each stack, kept once
 *	after.c    what a thread did next, call by call or step by step
 *	now.c      where a thread waits that nobody stops
 *	group.c    sockets that were treated alike; inet.c: their states
 *	snapshot.c what all processes hold; report.c writes it as JSON, ask.c has it written
 *	lines.c    addresses become functions and lines, in a process of its own
 *	watch.c    a running process, without stopping it: rings.c, samples.c
 *
 * Link with -ldw -lelf. Statements about the kernel were seen on Linux 6.18.
 */
#ifndef BLAME_INTERNAL_H
#define BLAME_INTERNAL_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/errors.h"
#include "common/json.h"

/* ---- registers.c ----------------------------------------------------------------------------- */

/* By their numbers in DWARF (System V ABI, AMD64 supplement, figure 3.36). */
enum { REGISTER_RBX = 3, REGISTER_RBP = 6, REGISTER_RSP = 7, REGISTER_RIP = 16, REGISTERS };

struct registers {
	uint64_t value[REGISTERS];
	uint32_t known; /* a bit for each; of a thread that is not stopped only rsp and rip */
};

/* Whether this machine is of the kind that blame knows. */
extern const bool registers_supported;

/* Of the stopped thread @tid. Returns 0, or -1. */
int registers_read(pid_t tid, struct registers *registers);

/* The flags of the clone(2), clone3(2), fork(2) or vfork(2) that @tid is in. */
uint64_t registers_clone_flags(pid_t tid);

/* Let the call at whose entry @tid is stopped not happen: it fails with @error (an errno). */
void registers_refuse(pid_t tid, int error);

/* Whether @tid comes from a system call that fails with EINTR, and have the kernel repeat it
 * instead, if no handler of a signal runs before. */
bool registers_interrupted(pid_t tid);
void registers_restart(pid_t tid);

/* The system call that @tid would make with its next instruction; -1: that is no such one. */
long registers_next_call(pid_t tid, const struct registers *registers, uint64_t argument[3]);

/* ---- calls.c --------------------------------------------------------------------------------- */

enum call_kind {
	CALL_SOCKET,
	CALL_ACCEPT,
	CALL_CONNECT,
	CALL_READ,
	CALL_WRITE,
	CALL_SHUTDOWN,
	CALL_GETSOCKOPT,
	CALL_DUP,
	CALL_FCNTL,
	CALL_CLOSE,
	CALL_CLOSE_RANGE,
	CALL_UNSHARE,
	CALL_EPOLL_CTL,
	CALL_GETFD,
	CALL_RECVMSG,
	CALL_SENDMSG,
	CALL_URING,
	CALL_WAIT, /* not stopped at; a thread that makes one has come to the end of its turn */
	CALL_FORK, /* not stopped at by the filter, but by ptrace */
};

/* Which argument is the descriptor, by which the filter samples. */
enum { DESCRIPTOR_NONE = -1 };

struct call {
	long number;
	const char *name;
	enum call_kind kind;
	int descriptor; /* DESCRIPTOR_NONE: the filter stops at each */
};

extern const struct call calls[];
extern const size_t call_count;

/* The call of this number; NULL: it says nothing of sockets. */
const struct call *call_of(long number);

/* Whether it does something to a socket: the others are known by their names only. */
bool call_is_followed(const struct call *call);

/* "EPOLL_CTL_DEL" for epoll_ctl, else the call's name, or its number in @text. */
const char *call_name(long number, long result, char text[24]);

/* ---- filter.c -------------------------------------------------------------------------------- */

enum { FILTER_MOST = 128 };

/*
 * Pure: the program that stops at the calls of calls.c. @sample, a power of two: of calls on a
 * descriptor only those where it is a multiple of that. Returns its length.
 */
unsigned short filter_build(unsigned int sample, struct sock_filter code[FILTER_MOST]);

/* Have it for this process, and all that it starts. Returns 0, or -1 with @error. */
int filter_install(unsigned int sample, struct error *error);

/* ---- modules.c, maps.c ----------------------------------------------------------------------- */

/* An ELF file that is mapped somewhere. */
struct module;

/* The module of the file that @pid knows as @path, opened once; 0: it is none. */
uint32_t module_of(pid_t pid, const char *path);
const char *module_path(uint32_t number);
uint32_t module_count(void);

/* Where in its file's own addresses the byte @offset of the file is loaded; false: nowhere. */
bool module_address(uint32_t number, uint64_t offset, uint64_t *address);

/* Whether it is a library of the system: where no line of the program itself is. */
bool module_of_system(uint32_t number);

struct mapping {
	uint64_t start, end, offset;
	uint32_t module; /* 0: no file, or none of code */
};

/* The executable mappings of a process, shared by its threads. */
struct maps {
	unsigned int users;
	struct mapping *mapping;
	size_t count, room;
	uint64_t missing[8]; /* pages where there was no mapping when they were looked for last */
};

/* Pure: a line of /proc/PID/maps. Returns its path ("" for none) when it can be executed. */
const char *maps_line(const char *line, struct mapping *mapping);

void maps_load(struct maps *maps, pid_t pid);

/* The mapping of @pc among those that are known, or NULL. */
const struct mapping *maps_at(const struct maps *maps, uint64_t pc);

/* The mapping of @pc. What is not there is looked for once more, and then not again. */
const struct mapping *maps_find(struct maps *maps, pid_t pid, uint64_t pc);

/* ---- rows.c ---------------------------------------------------------------------------------- */

enum row_kind {
	ROW_EMPTY,
	ROW_FRAME,  /* the rest of the row holds */
	ROW_SIGNAL, /* below is a struct ucontext: a signal was delivered here */
	ROW_END,    /* the outermost frame */
	ROW_NONE,   /* nothing is known of this address */
};

enum { SAVED = 7, SAVED_RETURN = SAVED - 1 };
#define NOT_SAVED INT32_MIN
extern const uint8_t row_saved[SAVED]; /* numbers of registers */

/* How to come from a frame to its caller's (DWARF 5, 6.4). */
struct row {
	uint64_t pc;
	uint32_t module;
	uint8_t kind;
	uint8_t base;	   /* the register from which the frame begins, */
	int32_t offset;	   /* so many bytes further */
	int32_t at[SAVED]; /* from there on, the caller's registers; or NOT_SAVED */
};

/* For the address @pc of a module. The row lives until the next call. */
const struct row *row_of(uint32_t module, uint64_t pc);

/* The CFI of a module, by libdw: .eh_frame, or with @debug that of .debug_frame; NULL: none. */
struct Dwarf_CFI_s *module_cfi(uint32_t number, bool debug);

/* ---- unwind.c -------------------------------------------------------------------------------- */

enum { DEPTH = 48 };

struct frame {
	uint64_t address; /* in the module's file; if there is none, as it is */
	uint32_t module;
};

/* A window into the memory of a process, which is read in larger pieces. */
struct memory {
	pid_t pid;
	bool frozen; /* nothing beyond it may be read: it is of another moment */
	uint64_t base;
	size_t length;
	uint8_t bytes[16384];
};

/* A copy of the stack of a thread, from rsp on, as it was when the registers were so. */
struct dump {
	const uint8_t *bytes;
	size_t length;
};

/* The word at @address. Returns false when it cannot be read. */
bool memory_word(struct memory *memory, uint64_t address, uint64_t *word);

/* @length bytes at @address; false when not all can be read. */
bool memory_copy(pid_t pid, uint64_t address, void *bytes, size_t length);

/* The frames of a thread with these registers, innermost first. @dump: of its stack; NULL: read it
 * now. Returns how many. */
size_t unwind(struct maps *maps, pid_t tid, const struct registers *registers,
	      const struct dump *dump, struct frame frames[DEPTH]);

/* ---- guess.c --------------------------------------------------------------------------------- */

/* Pure: do the 8 bytes before a return address end with a call? */
bool guess_is_call(const uint8_t bytes[8]);

/* Where there is no CFI: go to the caller by what a call leaves on the stack. @leaf: no call was
 * made by this frame, so that rbp may be anybody's. Returns false when nothing was found. */
bool guess_caller(struct maps *maps, struct memory *memory, struct registers *registers, bool leaf);

/* Find rbp of a thread whose registers are not known: what a frame that begins with `push rbp`
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

/* ---- tables.c -------------------------------------------------------------------------------- */

/* Something that happened to a socket. */
struct touch {
	uint32_t ms;   /* since the start; 0 with no call: it never happened */
	uint32_t took; /* us */
	uint32_t stack;
	int32_t result; /* of the call: negative for an errno; of epoll_ctl its operation */
	int32_t tid;
	uint16_t call;
	bool happened;
};

/* What few sockets have: descriptors of several processes. */
struct shared {
	struct touch closed;	/* while another descriptor was open, */
	pid_t closer;		/* by this process */
	struct touch inherited; /* the fork(2) by which it came to a child */
	pid_t child;
};

/* What a helper within Python or node tells of a descriptor, since no native stack shows it. */
enum told_kind { TOLD_TAKEN, TOLD_END, TOLD_LAST, TOLD_KINDS };

struct socket {
	uint32_t inode;
	uint32_t references; /* descriptors, and the places where it is under way */
	struct socket *next; /* in its bucket */
	struct shared *shared;
	struct touch taken, adopted, read, end, last;
	uint32_t told[TOLD_KINDS]; /* by the program itself; 0: nothing */
	bool listener;
};

/* A table of descriptors: of a process, or of several that share it. */
struct table {
	unsigned int users;
	int size;
	uint32_t visited; /* the snapshot that has seen it */
	struct socket **at;
};

struct table *table_new(void);
struct table *table_copy(const struct table *table);
void table_leave(struct table *table);
struct socket *table_get(const struct table *table, int fd);

/* Make @fd a descriptor of @socket; NULL: of none. Returns 0, or -1: no memory. */
int table_set(struct table *table, int fd, struct socket *socket);

/* Whether there is a socket in it. */
bool table_holds(const struct table *table);

/* The number of the socket behind a descriptor of @pid; 0: it is none. */
uint32_t descriptor_inode(pid_t pid, int fd);

/* Whether it is of a file that has a name, but for a device. */
bool descriptor_is_file(pid_t pid, int fd);

/* The socket of this inode, and a new one; NULL: there is none, no memory. */
struct socket *socket_find(uint32_t inode);
struct socket *socket_new(uint32_t inode);
void socket_hold(struct socket *socket);
void socket_release(struct socket *socket);
struct shared *socket_shared(struct socket *socket);
size_t socket_count(void);

/* ---- tasks.c --------------------------------------------------------------------------------- */

struct after;

/* A thread. */
struct task {
	pid_t tid, process;
	struct task *next; /* in its bucket */
	struct table *table;
	struct maps *maps;
	const struct call *call; /* at whose exit it is to be stopped; NULL: at none */
	uint32_t inode;		 /* of the socket that the call is about; 0: none is known */
	uint64_t argument[6];
	int64_t began;	     /* ns, when it entered the call */
	struct after *after; /* what it does next is written down there */
	uint32_t subject;    /* ... of this socket, by inode */
	bool stepping;
	bool known;   /* its parent has told of it */
	bool stopped; /* it waits for that */
	bool lost;    /* of a process: a thread of it was killed, and may have had children */
	bool refused; /* its process asked for an io_uring */
};

struct task *task_find(pid_t tid);
struct task *task_get(pid_t tid);

/* The thread @tid of a process that is only watched, with what it shares with its first thread. */
struct task *task_learn(pid_t process, pid_t tid);
size_t task_count(void);

/* Call @each for every thread. */
void task_each(void (*each)(void *data, struct task *task), void *data);

/* The first thread of all. Returns 0, or -1: no memory. */
int task_begin(struct task *task);

/* @child was made by @parent, with these flags of clone(2). @touch: that moment. */
int task_fork(struct task *parent, struct task *child, uint64_t flags, const struct touch *touch);

/* Nobody tells what it shares: it has what is open in it now. */
int task_adopt(struct task *task);

/* It has executed a program; @old: the thread that did. */
int task_exec(struct task *task, pid_t old);
void task_end(struct task *task);

/* Its own table, when it shared one (unshare(2), close_range(2)). */
int task_unshare(struct task *task);

/* ---- orphans.c ------------------------------------------------------------------------------- */

struct orphan_status {
	pid_t process, parent, tracer;
};

/* Pure: what a line of /proc/PID/status says of these. Returns false when that is nothing. */
bool orphan_status(const char *line, struct orphan_status *status);

/* Whether nobody follows @tid any more, though its parent has only now told of it. */
bool orphan_has_ended(pid_t tid);

/* Of a child that waits: whether its parent cannot tell of it, so that it is followed as it is. */
bool orphan_adopt(struct task *task);

/* ---- follow.c -------------------------------------------------------------------------------- */

struct tracer {
	const char *file; /* where the report goes */
	unsigned int sample;
	bool deep;
	bool at_rest;  /* write the report whenever nothing has happened for a while */
	int64_t began; /* CLOCK_MONOTONIC ns */
	pid_t program;
	bool watching; /* no thread is ever stopped: what follows is of the sample at hand */
	int64_t now;
	struct registers registers;
	struct dump dump;
	bool killed;   /* a process ended by SIGKILL, and could not be looked at */
	int64_t told;  /* ns: when it was told to end; 0: it was not */
	uint64_t lost; /* samples that came too fast */
};
extern struct tracer tracer;

int64_t clock_now(void);

/* The stack of a stopped thread. */
uint32_t stack_of(struct task *task);

/* What @task does just now, with the result of its call. */
struct touch touch_now(struct task *task, long call, int32_t result);

/* Whether a socket whose maker we did not see is one of TCP. */
bool follow_is_tcp(pid_t tid, int fd);

/* It is at the entry of a call. Returns whether the call's exit matters. */
bool follow_enter(struct task *task, const struct call *call, const uint64_t argument[6]);

/* ... at the exit. What happens from here on to a new socket, or to one that has come to its end,
 * is begun to be written down. */
void follow_leave(struct task *task, int64_t result);

/* ---- ends.c ---------------------------------------------------------------------------------- */

bool call_reads(enum call_kind kind);

/* After this the connection has nothing more to say, or the program may think so. */
bool end_is(const struct task *task, const struct touch *touch);

/* Pure: a time-out or a connect() that failed was not the end, since now the program has succeeded.
 * To write with success says nothing of the reading that failed. */
bool end_survived(const struct touch *end, const struct touch *now);

/* getsockopt(SO_ERROR) tells how a connect() ended that nobody waited for: it becomes @result. */
bool end_pending(struct task *task, int32_t *result);

/* ---- passed.c -------------------------------------------------------------------------------- */

enum { PASSED_MOST = 253 }; /* SCM_MAX_FD of include/net/scm.h */

/* Pure: the descriptors of SCM_RIGHTS in the @length bytes of control messages. Returns how many.
 */
size_t passed_descriptors(const uint8_t *control, size_t length, int fds[PASSED_MOST]);

/* Whether the message of a sendmsg(2) or recvmsg(2) has room for some. */
bool passed_possible(const struct task *task);

/* Sockets that a message takes along live on until it is received. */
void passed_sent(const struct task *task);
void passed_received(struct task *task);

/* ---- told.c ---------------------------------------------------------------------------------- */

/* What is written to this descriptor, which nobody has, is meant for us (harness/linger/blame). */
#define TOLD_DESCRIPTOR 0x6c6e0000
enum { TOLD_MOST = 1 << 16, TOLD_LONGEST = 1024 };

/*
 * Pure: "FD KIND WHERE" of @text. Returns where, which is not empty; NULL: it is nothing of the
 * kind.
 */
const char *told_parse(const char *text, int *fd, enum told_kind *kind);

/* A program of @task has written @length bytes at @address. */
void told_by(struct task *task, uint64_t address, uint64_t length);

/* What was told, by its number, without a control character; NULL for 0. */
const char *told_text(uint32_t number);

/* ---- after.c --------------------------------------------------------------------------------- */

enum { AFTER_CALLS = 24, AFTER_MOST = 256, STEPS_MOST = 20000, LINES_MOST = 4096 };

enum after_why {
	AFTER_GOES_ON,
	AFTER_WAITS,
	AFTER_NEXT_SOCKET,
	AFTER_LISTENS,
	AFTER_ENDS,
	AFTER_LIMIT
};

/* What a thread did after the call with a stack, the first time. */
struct after {
	uint32_t stack;
	bool end; /* the call was the end of a connection, else a socket was taken */
	enum after_why why;
	size_t calls, steps, lines, room;
	struct {
		uint16_t call;
		uint32_t stack;
	} call[AFTER_CALLS];
	struct frame *line; /* addresses of the program itself, as it ran over them */
};

/* Write down what @task does from here on, unless that is known. */
void after_begin(struct task *task, const struct touch *touch, const struct socket *socket);

/* It enters a call. */
void after_call(struct task *task, long number, const uint64_t argument[6]);

/* It has made a step. */
void after_step(struct task *task);

/* It is somewhere else now. */
void after_end(struct task *task, enum after_why why);

size_t after_count(void);
const struct after *after_at(size_t number);
const char *after_reason(enum after_why why);

/* ---- inet.c ---------------------------------------------------------------------------------- */

/* Pure: a line of /proc/net/tcp or tcp6. Returns false when it is none. */
bool inet_line(const char *line, uint32_t *inode, int *state, uint32_t *unread);

/* The TCP sockets that are in a table, by inode. */
struct inet {
	struct inet_entry {
		uint32_t inode, unread;
		uint8_t state;
	} * entry;
	size_t count, room;
};

/* Those of the network namespace of @pid. Returns 0, or -1: no memory. */
int inet_read(struct inet *inet, pid_t pid);
const struct inet_entry *inet_find(const struct inet *inet, uint32_t inode);
void inet_free(struct inet *inet);

/* ---- now.c ----------------------------------------------------------------------------------- */

/* Where a thread is that nobody stops: the call it waits in, and its stack. */
struct now {
	long call; /* -1: it runs */
	uint32_t stack;
};

/* Pure: what /proc/PID/task/TID/syscall says. Returns false when it is in no call. */
bool now_from(const char *text, long *call, struct registers *registers);
struct now now_of(struct task *task);

/* ---- group.c --------------------------------------------------------------------------------- */

/* Sockets of a process that were treated alike. */
struct group {
	pid_t process;
	uint8_t state;	   /* enum state; 0: in no table, its connection is gone */
	bool known;	   /* blame saw it being taken */
	bool ended;	   /* so it was when the process ended */
	uint32_t unread;   /* sockets where something waits to be read */
	uint32_t waiting;  /* of a listener: connections that wait for accept() */
	uint32_t oldest;   /* ms, when the first was taken */
	struct socket one; /* the one that was touched last; nothing in it is to be freed */
	struct shared shared;
	struct now now; /* of the thread that touched it last */
	int *fds;
	size_t count, room;
	uint64_t hash;
};

struct groups {
	struct group *group;
	size_t count, room;
	uint32_t *slot; /* open addressing: numbers of groups from 1 on */
	size_t slots;
};

/* Add the descriptors of the table of @task, and count those of files. Returns 0, or -1: no memory.
 */
int groups_add(struct groups *groups, struct task *task, const struct inet *inet, size_t *files);
void groups_free(struct groups *groups);

/* ---- snapshot.c ------------------------------------------------------------------------------ */

struct process {
	pid_t pid;
	char *program; /* its path */
	bool refused;  /* it wanted an io_uring */
	bool ended;
	uint32_t ms; /* when that was */
	size_t threads, files;
};

/* What is held, by whom, and what was when a process ended lately. */
struct snapshot {
	struct groups groups;
	struct process *process;
	size_t processes, room;
};

/* Of all processes; or of one, 0 for all. Returns 0, or -1: no memory. */
int snapshot_take(struct snapshot *snapshot, pid_t only);
void snapshot_free(struct snapshot *snapshot);

/* @task is the last one of its process that can tell: remember what that held. */
void snapshot_remember(struct task *task);

/* ... of those that ended within the last seconds; NULL: of none. */
const struct snapshot *snapshot_next_ended(const struct snapshot *last);

/* ---- report.c -------------------------------------------------------------------------------- */

/* Write the report, in place of the last one. Returns 0, or -1 with @error. */
int report_write(const char *why, struct error *error);

/* ---- signals.c ------------------------------------------------------------------------------- */

/* Pure: whether a signal does nothing to a process with this /proc/PID/status. */
bool signal_is_ignored(const char *status, int number);

/* One is about to be delivered. */
void signal_comes(struct task *task, int number);

/* The program was told to end, and a report written. An orderly one closes what it holds before it
 * ends: what counts is what it held before. */
bool signal_told(void);

/* ---- trace.c, start.c ------------------------------------------------------------------------ */

/* Follow the program until all that it started has ended. */
void trace_loop(void);

/*
 * Run a command under a tracer. The command keeps this process; the tracer is a process of its own.
 * Returns only when it could not, the exit code with @error.
 */
int start(char **words, struct error *error);

/* ---- samples.c, watch.c ---------------------------------------------------------------------- */

/* What perf_event_open(2) tells of a system call. */
struct sample {
	pid_t pid, tid;
	int64_t time; /* CLOCK_MONOTONIC ns */
	long number;
	bool leaves; /* the call; else it is entered, with */
	uint64_t argument[6];
	int64_t result; /* when it leaves, with registers and stack */
	struct registers registers;
	struct dump dump;
};

enum { DUMP_BYTES = 8192 };
#define SAMPLE_REGISTERS 0xf001c2ull /* of enum perf_event_x86_regs: what samples.c expects */

/*
 * Pure: a PERF_RECORD_SAMPLE of @size bytes, whose header comes first. @leave: the number of the
 * tracepoint raw_syscalls:sys_exit. The stack points into the record. Returns false when it is
 * damaged.
 */
bool sample_parse(const uint8_t *record, size_t size, unsigned int leave, struct sample *sample);

/* Pure: the number in a tracepoint's file "id"; 0: it is none. */
unsigned int sample_tracepoint(const char *text);

/* Watch the process @pid until SIGINT or SIGTERM, then write the report. Returns 0, or -1 with
 * @error. */
int watch(pid_t pid, struct error *error);

/* A ring of samples for each processor (rings.c). */
struct rings;
struct rings *rings_open(pid_t pid, unsigned int enter, unsigned int leave, struct error *error);
void rings_close(struct rings *rings);

/* Wait until there are samples or @fd is readable; call @each for them in the order of their time.
 */
int rings_read(struct rings *rings, int fd, void (*each)(const struct sample *sample));

/* ---- ask.c, lines.c ----------------------------------------------------------------- */

/* Have the tracer of this report write it anew, and wait until it has. Returns 0, or -1. */
int ask(const char *file, struct error *error);

/*
 * Pure: "ADDRESS PATH" of a line of input, the address as hexadecimal digits. Returns the path,
 * which begins with '/'; NULL: it is no such line.
 */
const char *lines_question(const char *line, uint64_t *address);

/*
 * Questions on @in; functions and lines on @out, a JSON object a line. @symbols: a file with the
 * debug information of the program whose name it has; NULL: none. Returns 0, or -1 with @error.
 */
int lines(FILE *in, FILE *out, const char *symbols, struct error *error);

#endif
