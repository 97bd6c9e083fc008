/* SPDX-License-Identifier: MIT */
/* What /proc shows of one process: its namespace, name, threads and descriptor tables. */
#ifndef CENSUS_PROCESS_H
#define CENSUS_PROCESS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/netns.h"

/*
 * Call @each for every number in @directory, which is /proc (its processes) or /proc/PID/task (the
 * threads of one). Stops when @each returns nonzero, and returns that; else 0, also when @directory
 * is gone.
 */
int proc_numbers(const char *directory, int (*each)(void *data, int number), void *data);

/* The same for the threads of @pid. */
int process_threads(pid_t pid, int (*each)(void *data, pid_t thread), void *data);

/*
 * The network namespace of @pid, or of its first thread that has one: a leader that has ended has
 * none. Returns 0, or -1 and errno.
 */
int process_netns(pid_t pid, struct netns_id *id);

/* The path to it. As above. */
int process_netns_path(pid_t pid, char *path, size_t size);

/* Pure: the container or pod named by a /proc/PID/cgroup. Returns false when it names none.
 */
bool cgroup_container(const char *cgroup, char *name, size_t size);
/* Pure: that, or else the systemd unit; empty when it names neither. */
void cgroup_unit(const char *cgroup, char *name, size_t size);
void process_unit(pid_t pid, char *name, size_t size);

/* The name of @pid, as complete as possible. */
void process_name(pid_t pid, char *name, size_t size);
/* The same, when the name of its task is known. */
void process_name_of(pid_t pid, const char *comm, char *name, size_t size);

/*
 * Pure: the task name @comm, or the base name of @argument0 when @comm is its truncation; without
 * characters that control a terminal.
 */
void process_whole_name(const char *comm, const char *argument0, char *name, size_t size);

/*
 * True when @pid may hold descriptors: it is not a kernel thread, and not all its threads have
 * ended. (A process that exits gives up its memory first. Then its /proc directory belongs to root
 * for a moment (proc(5)), until its descriptors are closed.) This is for processes that we may not
 * inspect; everybody may read /proc/PID/stat.
 */
bool process_may_hold(pid_t pid);

/* Pure: the same from the content of /proc/PID/stat; @threads: others of its threads live. */
bool process_stat_may_hold(const char *stat, bool threads);

/*
 * True when @task, a thread of @pid, has ended or is ending. A leader that ended before its threads
 * has no descriptor table, and its directory belongs to root (proc(5)); so does the directory of a
 * thread that is ending. Without a stat file, the process is gone by now or hidden (hidepid).
 */
bool task_has_ended(pid_t pid, pid_t task);

/* True when all threads of @pid have ended or are ending: its descriptors may be closed already. */
bool process_has_ended(pid_t pid);

/* The beginning of /proc/@pid/@file as a string; empty when it cannot be read. */
void process_read(pid_t pid, const char *file, char *text, size_t size);

/*
 * The link /proc/@pid/task/@task/fd/@fd in @target. Returns 0, or -1 and errno.
 */
int process_link(pid_t pid, pid_t task, int fd, char *target, size_t size);

/* A protocol, by the attribute "system.sockprotoname" of a socket's descriptor. */
enum protocol { PROTOCOL_TCP, PROTOCOL_UNIX, PROTOCOL_OTHER, PROTOCOL_REFUSED };
enum protocol descriptor_protocol(pid_t pid, pid_t task, int fd);

/* Explains why we may not read the descriptors of @pid, and what to do. */
void process_refusal(pid_t pid, char *text, size_t size);

/* ---- tables.c: the tables of descriptors of a process ---------------------------------------- */

/*
 * Call @each for every descriptor table of the threads of @pid: nearly all processes have one.
 * @task is a thread that has it, @directory its /proc directory of descriptors; returns how many
 * there are, or -1. Stops then, and returns -1; else 0, or 1 if a thread ended meanwhile, so that a
 * table may be missing or have been read twice. *@refused: some could not be read.
 */
int process_tables(pid_t pid, int (*each)(void *data, pid_t task, DIR *directory), void *data,
		   bool *refused);

#endif
