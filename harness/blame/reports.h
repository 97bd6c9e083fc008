/* SPDX-License-Identifier: MIT */
/* What is held and what was done with it: found, grouped and written. */
#ifndef BLAME_REPORTS_H
#define BLAME_REPORTS_H

#include <stdio.h>

#include "blame/sockets.h"
#include "common/json.h"

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

/* What a thread did after the first call with a given stack. */
struct after {
	uint32_t stack;
	bool end; /* the call ended a connection; else a socket was taken */
	enum after_why why;
	int64_t began; /* ns */
	size_t calls, steps, lines, room;
	struct {
		uint16_t call;
		uint32_t stack;
	} call[AFTER_CALLS];
	struct frame *line; /* addresses of the program itself, in the order it ran them */
};

/* Record what @task does from here on, unless that is known. */
void after_begin(struct task *task, const struct touch *touch, const struct socket *socket);

/* It enters a call. */
void after_call(struct task *task, long number, const uint64_t argument[6]);

/* It has made a step. */
void after_step(struct task *task);

/* It has moved on. */
void after_end(struct task *task, enum after_why why);

size_t after_count(void);
const struct after *after_at(size_t number);
const char *after_reason(enum after_why why);

/* ---- inet.c ---------------------------------------------------------------------------------- */

/* Pure: a line of /proc/net/tcp or tcp6. Returns false for any other line. */
bool inet_line(const char *line, uint32_t *inode, int *state, uint32_t *unread);

/* The TCP sockets in a table, by inode. */
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

/* Where a thread is, without stopping it: the call it waits in, and its stack. */
struct now {
	long call; /* -1: it runs */
	uint32_t stack;
};

/* Pure: parses /proc/PID/task/TID/syscall. Returns false when the thread is in no call. */
bool now_from(const char *text, long *call, struct registers *registers);
struct now now_of(struct task *task);

/* ---- group.c --------------------------------------------------------------------------------- */

/* Sockets of a process that were treated alike. */
struct group {
	pid_t process;
	uint8_t state;	   /* enum state; 0: in no table, its connection is gone */
	bool known;	   /* blame saw it being taken */
	bool ended;	   /* this was its state when the process ended */
	uint32_t unread;   /* sockets with unread data */
	uint32_t waiting;  /* of a listener: connections that wait for accept() */
	uint32_t oldest;   /* ms, when the first was taken */
	struct socket one; /* the one last touched; it owns nothing */
	struct shared shared;
	struct touch inherited; /* the fork(2) that may have put it into two processes */
	struct now now;		/* of the thread that last touched it */
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
	bool refused;  /* it asked for an io_uring */
	bool ended;
	uint32_t ms; /* when that was */
	size_t threads, files;
};

/* What is held now and by whom, and what processes held that ended recently. */
struct snapshot {
	struct groups groups;
	struct process *process;
	size_t processes, room;
};

/* Of all processes; or of one, 0 for all. Returns 0, or -1: no memory. */
int snapshot_take(struct snapshot *snapshot, pid_t only);
void snapshot_free(struct snapshot *snapshot);

/* @task is its process's last thread that can be asked: remember what the process held. */
void snapshot_remember(struct task *task);

/* ... the next of those that ended within the last seconds; NULL: none. */
const struct snapshot *snapshot_next_ended(const struct snapshot *last);

/* ---- report.c -------------------------------------------------------------------------------- */

/* Write the report, replacing the last one. Returns 0, or -1 with @error. */
int report_write(const char *why, struct error *error);

/* ---- samples.c, watch.c ---------------------------------------------------------------------- */

/* What perf_event_open(2) reports about a system call. */
struct sample {
	pid_t pid, tid;
	int64_t time; /* CLOCK_MONOTONIC ns */
	long number;
	bool leaves; /* leaves the call; else enters it, with */
	uint64_t argument[6];
	int64_t result; /* when it leaves, with registers and stack */
	struct registers registers;
	struct dump dump;
};

enum { DUMP_BYTES = 8192 };
#define SAMPLE_REGISTERS                                                                           \
	0xf001c2ull /* of enum perf_event_x86_regs: those that samples.c expects                   \
		     */

/*
 * Pure: a PERF_RECORD_SAMPLE of @size bytes, whose header comes first. @leave: the number of the
 * tracepoint raw_syscalls:sys_exit. The stack points into the record. Returns false when it is
 * damaged.
 */
bool sample_parse(const uint8_t *record, size_t size, unsigned int leave, struct sample *sample);

/* Pure: the number in a tracepoint's file "id"; 0: there is none. */
unsigned int sample_tracepoint(const char *text);

/* Watch the process @pid until SIGINT or SIGTERM, then write the report. Returns 0, or -1 with
 * @error. */
int watch(pid_t pid, struct error *error);

/* A ring of samples for each processor (rings.c). */
struct rings;
struct rings *rings_open(pid_t pid, unsigned int enter, unsigned int leave, struct error *error);
void rings_close(struct rings *rings);

/* Wait until there are samples or @fd is readable; call @each for the samples in order of time.
 */
int rings_read(struct rings *rings, int fd, void (*each)(const struct sample *sample));

/* ---- ask.c, lines.c ----------------------------------------------------------------- */

/* Have the tracer of this report rewrite it, and wait until it has. Returns 0, or -1. */
int ask(const char *file, struct error *error);

/*
 * Pure: "ADDRESS PATH" of a line of input, the address as hexadecimal digits. Returns the path,
 * which begins with '/'; NULL: it is not such a line.
 */
const char *lines_question(const char *line, uint64_t *address);

/*
 * Reads questions from @in, writes functions and lines to @out, one JSON object per line. @symbols:
 * a file with the debug information of the program of the same name; NULL: none. Returns 0, or -1
 * with @error.
 */
int lines(FILE *in, FILE *out, const char *symbols, struct error *error);

#endif
