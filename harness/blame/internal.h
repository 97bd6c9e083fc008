/* SPDX-License-Identifier: MIT */
/*
 * blame: which line of a program took a socket, and which touched it last.
 *
 *	calls.c    the system calls that concern sockets
 *	filter.c   ... at which the kernel stops the program (seccomp(2))
 *	trace.c    the loop of ptrace(2): what stopped, what it means, how it goes on
 *	signals.c  ... what a signal means
 *	follow.c   what a call does to the descriptors, and what is recorded
 *	ends.c     ... whether it ended the connection
 *	tables.c   descriptors and sockets; passed.c: those passed in messages
 *	tasks.c    threads and processes: what they share, copy and inherit
 *	orphans.c  ... when their parent was killed before it reported them
 *	told.c     what helpers inside Python and node report
 *	unwind.c   the stack of a thread: maps.c, modules.c, rows.c, guess.c
 *	stacks.c   each stack, kept once
 *	after.c    what a thread did next, call by call or step by step
 *	now.c      where a thread waits, without stopping it
 *	group.c    sockets that were treated alike; inet.c: their states
 *	snapshot.c what all processes hold; report.c writes it as JSON, ask.c has it written
 *	lines.c    addresses become functions and lines, in a separate process
 *	watch.c    a running process, without stopping it: rings.c, samples.c
 *
 * Link with -ldw -lelf. Statements about the kernel were seen on Linux 6.18.
 */
#ifndef BLAME_INTERNAL_H
#define BLAME_INTERNAL_H

#include "blame/reports.h"
#include "blame/sockets.h"
#include "blame/stacks.h"

/* ---- trace.c, start.c ------------------------------------------------------------------------ */

/* Follow the program until all that it started has ended. */
void trace_loop(void);

/*
 * Run a command under a tracer. The command keeps this process; the tracer is a separate one.
 * Returns only on failure: the exit code, with @error.
 */
int start(char **words, struct error *error);

#endif
