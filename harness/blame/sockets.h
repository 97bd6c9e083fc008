/* SPDX-License-Identifier: MIT */
/* Descriptors and sockets, the threads that have them, and what a call does to them. */
#ifndef BLAME_SOCKETS_H
#define BLAME_SOCKETS_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "blame/stacks.h"
#include "common/errors.h"

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
	CALL_WAIT, /* not stopped at; a thread that makes one has finished its turn */
	CALL_FORK, /* not stopped at by the filter, but by ptrace */
};

/* Which argument is the descriptor that the filter samples by. */
enum { DESCRIPTOR_NONE = -1 };

struct call {
	long number;
	const char *name;
	enum call_kind kind;
	int descriptor; /* DESCRIPTOR_NONE: the filter stops at each */
};

extern const struct call calls[];
extern const size_t call_count;

/* The call with this number; NULL: it does not concern sockets. */
const struct call *call_of(long number);

/* Whether it does something to a socket; the others are only named. */
bool call_is_followed(const struct call *call);

/* "EPOLL_CTL_DEL" for epoll_ctl, else the call's name, or its number in @text. */
const char *call_name(long number, long result, char text[24]);

/* ---- filter.c -------------------------------------------------------------------------------- */

enum { FILTER_MOST = 128 };

/*
 * Pure: the filter that stops at the calls of calls.c. @sample, a power of two: only calls on
 * descriptors that are a multiple of it. Returns its length.
 */
unsigned short filter_build(unsigned int sample, struct sock_filter code[FILTER_MOST]);

/* Install it for this process and all that it starts. Returns 0, or -1 with @error. */
int filter_install(unsigned int sample, struct error *error);

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

/* Only for the few sockets that were closed while another descriptor was open. */
struct shared {
	struct touch closed;
	pid_t closer; /* the process */
};

/* What a helper inside Python or node reports about a descriptor; no native stack shows it. */
enum told_kind { TOLD_TAKEN, TOLD_END, TOLD_LAST, TOLD_KINDS };

struct socket {
	uint32_t inode;
	uint32_t references; /* descriptors, and messages in flight */
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
	uint32_t visited;    /* the last snapshot that has seen it */
	struct touch forked; /* the last fork(2) that copied it, or made it a copy */
	struct socket **at;
};

struct table *table_new(void);
struct table *table_copy(const struct table *table);
void table_leave(struct table *table);
struct socket *table_get(const struct table *table, int fd);

/* Make @fd a descriptor of @socket; NULL: of no socket. Returns 0, or -1: no memory. */
int table_set(struct table *table, int fd, struct socket *socket);

/* Whether it contains a socket. */
bool table_holds(const struct table *table);

/* The inode of the socket behind a descriptor of @pid; 0: it is not a socket. */
uint32_t descriptor_inode(pid_t pid, int fd);

/* Whether it is of a file with a name, except a device. */
bool descriptor_is_file(pid_t pid, int fd);

/* The socket with this inode, or NULL; a new one, or NULL: no memory. */
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
	const struct call *call; /* whose exit it is to be stopped at; NULL: none */
	uint32_t inode;		 /* of the socket that the call is about; 0: none is known */
	uint64_t argument[6];
	int64_t began;	     /* ns, when it entered the call */
	struct after *after; /* what it does next is recorded there */
	uint32_t subject;    /* ... of this socket, by inode */
	bool stepping;
	bool known;   /* its parent has reported it */
	bool stopped; /* it waits for the report */
	bool lost;    /* of a process: a thread of it was killed, and may have had children */
	bool refused; /* its process asked for an io_uring */
};

struct task *task_find(pid_t tid);
struct task *task_get(pid_t tid);

/* The thread @tid of a process that is only watched; it shares what its first thread has. */
struct task *task_learn(pid_t process, pid_t tid);
size_t task_count(void);

/* Call @each for every thread. */
void task_each(void (*each)(void *data, struct task *task), void *data);

/* The first thread of all. Returns 0, or -1: no memory. */
int task_begin(struct task *task);

/* @child was made by @parent, with these flags of clone(2). @touch: that moment. */
int task_fork(struct task *parent, struct task *child, uint64_t flags, const struct touch *touch);

/* What it shares is not known: it has what is open in it now. */
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

/* Pure: what a line of /proc/PID/status says about these. Returns false if nothing. */
bool orphan_status(const char *line, struct orphan_status *status);

/* Whether @tid is no longer followed, though its parent has only now reported it. */
bool orphan_has_ended(pid_t tid);

/* For a waiting child: whether its parent cannot report it, so that it is followed as it is. */
bool orphan_adopt(struct task *task);

/* ---- follow.c -------------------------------------------------------------------------------- */

struct tracer {
	const char *file; /* where the report goes */
	unsigned int sample;
	bool deep;
	bool at_rest;  /* also write the report whenever nothing has happened for a while */
	int64_t began; /* CLOCK_MONOTONIC ns */
	pid_t program;
	bool watching; /* no thread is ever stopped: the following is from the current sample */
	int64_t now;
	struct registers registers;
	struct dump dump;
	bool killed;   /* a process was ended by SIGKILL and could not be examined */
	int64_t told;  /* ns: when it was told to end; 0: it was not */
	uint64_t lost; /* samples that came too fast */
};
extern struct tracer tracer;

int64_t clock_now(void);

/* The stack of a stopped thread. */
uint32_t stack_of(struct task *task);

/* What @task is doing now, with the result of its call. */
struct touch touch_now(struct task *task, long call, int32_t result);

/* Whether a socket whose creation we did not see is a TCP one. */
bool follow_is_tcp(pid_t tid, int fd);

/* It is at a call's entry. Returns whether the call's exit matters. */
bool follow_enter(struct task *task, const struct call *call, const uint64_t argument[6]);

/* ... at its exit. From here on, what happens to a new socket, or one that has ended, is recorded.
 */
void follow_leave(struct task *task, int64_t result);

/* ---- ends.c ---------------------------------------------------------------------------------- */

bool call_reads(enum call_kind kind);

/* After this the connection is over, or the program may think so. */
bool end_is(const struct task *task, const struct touch *touch);

/* Pure: a timeout or a failed connect() was not the end if the program succeeds later. A
 * successful write says nothing about a failed read. */
bool end_survived(const struct touch *end, const struct touch *now);

/* getsockopt(SO_ERROR) reports how a non-blocking connect() ended: it becomes @result. */
bool end_pending(struct task *task, int32_t *result);

/* ---- passed.c -------------------------------------------------------------------------------- */

enum { PASSED_MOST = 253 }; /* SCM_MAX_FD of include/net/scm.h */

/* Pure: the descriptors of SCM_RIGHTS in the @length bytes of control messages. Returns how many.
 */
size_t passed_descriptors(const uint8_t *control, size_t length, int fds[PASSED_MOST]);

/* Whether the message of a sendmsg(2) or recvmsg(2) has room for some. */
bool passed_possible(const struct task *task);

/* Sockets in a message live on until it is received. */
void passed_sent(const struct task *task);
void passed_received(struct task *task);

/* ---- told.c ---------------------------------------------------------------------------------- */

/* What is written to this descriptor, which does not exist, is meant for us (harness/linger/blame).
 */
#define TOLD_DESCRIPTOR 0x6c6e0000
enum { TOLD_MOST = 1 << 16, TOLD_LONGEST = 1024 };

/*
 * Pure: parses "FD KIND WHERE" in @text. Returns WHERE, which is not empty; NULL: @text is not like
 * that.
 */
const char *told_parse(const char *text, int *fd, enum told_kind *kind);

/* A program of @task has written @length bytes at @address. */
void told_by(struct task *task, uint64_t address, uint64_t length);

/* A reported text by its number, without control characters; NULL for 0. */
const char *told_text(uint32_t number);

/* ---- signals.c ------------------------------------------------------------------------------- */

/* Pure: whether a signal does nothing to a process with this /proc/PID/status. */
bool signal_is_ignored(const char *status, int number);

/* A signal is about to be delivered. */
void signal_comes(struct task *task, int number);

/* The program was told to end, and a report written. A well-behaved program closes what it holds
 * before it ends; what it held before that counts. */
bool signal_told(void);

#endif
