/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Writes the BPF program that the kernel runs for each descriptor of each table: an iterator over
 * task_file (Linux 5.8; bpf_sock_from_file() 5.11). It reports descriptors of stream sockets of
 * IPv4 and IPv6, connected or not, and those that lead to namespaces. It only reads. In C it would
 * be:
 *
 *	struct socket *socket = bpf_sock_from_file(file);
 *
 *	if (!task || !file)
 *		return 0;
 *	if (!socket && file->f_inode->i_sb->s_magic != NSFS_MAGIC)
 *		return 0;
 *	if (socket && (socket->type != SOCK_STREAM || (socket->ops->family != AF_INET &&
 *						       socket->ops->family != AF_INET6)))
 *		return 0;
 *	bpf_seq_write(meta->seq, &(struct record){...}, sizeof(record));
 *	return 0;
 *
 * It spends its time waiting for memory: the file, its inode, the socket. So it leaves alone
 * socket->sk, which knows the protocol. BTF tells the offsets of this kernel. The verifier checks
 * every access against the same BTF: a wrong one is refused, and never runs.
 */
#include "census/iterator.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "census/btf.h"
#include "census/record.h"

#define NSFS_MAGIC 0x6e736673

enum field {
	FILE_INODE,
	INODE_SUPER_BLOCK,
	INODE_NUMBER,
	SUPER_BLOCK_MAGIC,
	SOCKET_TYPE,
	SOCKET_OPERATIONS,
	OPERATIONS_FAMILY,
	TASK_LEADER,
	TASK_NAME,
	TASK_PID,
	TASK_TABLE,
	TASK_NAMESPACES,
	NAMESPACES_NET,
	NET_COMMON,
	COMMON_NUMBER,
	PID_LEVEL,
	PID_NUMBERS,
	UPID_NUMBER,
	UPID_SIZE,
	ATTACH,
	FIELDS
};

static const struct btf_wanted wanted[FIELDS] = {
    [FILE_INODE] = {.type = "file", .member = "f_inode"},
    [INODE_SUPER_BLOCK] = {.type = "inode", .member = "i_sb"},
    [INODE_NUMBER] = {.type = "inode", .member = "i_ino"},
    [SUPER_BLOCK_MAGIC] = {.type = "super_block", .member = "s_magic"},
    [SOCKET_TYPE] = {.type = "socket", .member = "type"},
    [SOCKET_OPERATIONS] = {.type = "socket", .member = "ops"},
    [OPERATIONS_FAMILY] = {.type = "proto_ops", .member = "family"},
    [TASK_LEADER] = {.type = "task_struct", .member = "group_leader"},
    [TASK_NAME] = {.type = "task_struct", .member = "comm"},
    [TASK_PID] = {.type = "task_struct", .member = "thread_pid"},
    [TASK_TABLE] = {.type = "task_struct", .member = "files"},
    [TASK_NAMESPACES] = {.type = "task_struct", .member = "nsproxy"},
    [NAMESPACES_NET] = {.type = "nsproxy", .member = "net_ns"},
    [NET_COMMON] = {.type = "net", .member = "ns"},
    [COMMON_NUMBER] = {.type = "ns_common", .member = "inum"},
    [PID_LEVEL] = {.type = "pid", .member = "level"},
    [PID_NUMBERS] = {.type = "pid", .member = "numbers"},
    [UPID_NUMBER] = {.type = "upid", .member = "nr"},
    [UPID_SIZE] = {.type = "upid"},
    [ATTACH] = {.type = "bpf_iter_task_file", .function = true},
};

/* struct bpf_iter__task_file of the kernel: what the program is given, in R1. */
struct context {
	uint64_t meta, task;
	uint32_t fd;
	_Alignas(8) uint64_t file;
};

/* Registers that calls keep. */
enum { CONTEXT = BPF_REG_6, TASK, FILE_, NUMBER_AT, RESULT = BPF_REG_0, FRAME = BPF_REG_10 };
enum { A1 = BPF_REG_1, A2, A3, A4, A5 }; /* arguments of calls, and scratch */

#define RECORD (-(int)sizeof(struct record)) /* where it is in the frame */
#define IN_RECORD(member) (RECORD + (int)offsetof(struct record, member))
#define IN_CONTEXT(member) ((int)offsetof(struct context, member))

struct writing {
	struct iterator *to;
	uint32_t offset[FIELDS];
	size_t to_end[8]; /* jumps to the end, which is not known yet */
	size_t ends;
};

static size_t put(struct writing *w, uint8_t code, int to, int from, int offset, int value)
{
	w->to->code[w->to->count] = (struct bpf_insn){
	    .code = code,
	    .dst_reg = (uint8_t)to & 15,
	    .src_reg = (uint8_t)from & 15,
	    .off = (int16_t)offset,
	    .imm = value,
	};
	return w->to->count++;
}

static void move(struct writing *w, int to, int from)
{
	put(w, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

static void set(struct writing *w, int to, int value)
{
	put(w, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

static void add(struct writing *w, int to, int value)
{
	put(w, BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}

static void load(struct writing *w, int size, int to, int from, int offset)
{
	put(w, (uint8_t)(BPF_LDX | BPF_MEM | size), to, from, offset, 0);
}

static void load_field(struct writing *w, int size, int to, int from, enum field field)
{
	load(w, size, to, from, (int)w->offset[field]);
}

static void store(struct writing *w, int size, int offset, int from)
{
	put(w, (uint8_t)(BPF_STX | BPF_MEM | size), FRAME, from, offset, 0);
}

static void call(struct writing *w, int function)
{
	put(w, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

/* A jump that land() or end() completes. */
static size_t jump_if(struct writing *w, int reg, int condition, int value)
{
	return put(w, (uint8_t)(BPF_JMP | condition | BPF_K), reg, 0, 0, value);
}

static void land(struct writing *w, size_t jump)
{
	w->to->code[jump].off = (int16_t)(w->to->count - jump - 1);
}

static void end_if(struct writing *w, int reg, int condition, int value)
{
	w->to_end[w->ends++] = jump_if(w, reg, condition, value);
}

static void end(struct writing *w)
{
	for (size_t i = 0; i < w->ends; i++)
		land(w, w->to_end[i]);
	set(w, RESULT, 0);
	put(w, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Leave what does not matter; record.kind. */
static void select_file(struct writing *w)
{
	size_t socket, both, six;

	move(w, A1, FILE_);
	call(w, BPF_FUNC_sock_from_file);
	socket = jump_if(w, RESULT, BPF_JNE, 0);
	load_field(w, BPF_DW, A1, FILE_, FILE_INODE);
	load_field(w, BPF_DW, A1, A1, INODE_SUPER_BLOCK);
	load_field(w, BPF_DW, A1, A1, SUPER_BLOCK_MAGIC);
	end_if(w, A1, BPF_JNE, NSFS_MAGIC);
	set(w, A1, RECORD_NAMESPACE);
	both = jump_if(w, 0, BPF_JA, 0);
	land(w, socket);
	load_field(w, BPF_H, A1, RESULT, SOCKET_TYPE);
	end_if(w, A1, BPF_JNE, SOCK_STREAM);
	load_field(w, BPF_DW, A1, RESULT, SOCKET_OPERATIONS);
	load_field(w, BPF_W, A1, A1, OPERATIONS_FAMILY);
	six = jump_if(w, A1, BPF_JEQ, AF_INET6);
	end_if(w, A1, BPF_JNE, AF_INET);
	land(w, six);
	set(w, A1, RECORD_STREAM);
	land(w, both);
	store(w, BPF_W, IN_RECORD(kind), A1);
}

/*
 * Numbers of processes in our pid namespace: the reader is the current task, and its own pid shows
 * how deep that namespace lies. NUMBER_AT: where each struct pid has it.
 */
static void find_number(struct writing *w)
{
	call(w, BPF_FUNC_get_current_task_btf);
	load_field(w, BPF_DW, A1, RESULT, TASK_PID);
	load_field(w, BPF_W, NUMBER_AT, A1, PID_LEVEL);
	put(w, BPF_ALU64 | BPF_MUL | BPF_K, NUMBER_AT, 0, 0, (int)w->offset[UPID_SIZE]);
	add(w, NUMBER_AT, (int)(w->offset[PID_NUMBERS] + w->offset[UPID_NUMBER]));
}

/* Copy what A3 points to. */
static void copy(struct writing *w, int offset, size_t size)
{
	set(w, A2, (int)size);
	move(w, A1, FRAME);
	add(w, A1, offset);
	call(w, BPF_FUNC_probe_read_kernel);
}

/* The number of the task in A3; 0 when it is not in our namespace. */
static void store_number(struct writing *w, int offset)
{
	load_field(w, BPF_DW, A3, A3, TASK_PID);
	put(w, BPF_ALU64 | BPF_ADD | BPF_X, A3, NUMBER_AT, 0, 0);
	copy(w, offset, sizeof(uint32_t));
}

static void store_task(struct writing *w)
{
	size_t none;

	load_field(w, BPF_DW, A1, TASK, TASK_TABLE);
	store(w, BPF_DW, IN_RECORD(table), A1);
	find_number(w);
	load_field(w, BPF_DW, A3, TASK, TASK_LEADER);
	store_number(w, IN_RECORD(pid));
	load_field(w, BPF_DW, A3, TASK, TASK_LEADER);
	add(w, A3, (int)w->offset[TASK_NAME]);
	copy(w, IN_RECORD(name), sizeof(((struct record *)0)->name));
	move(w, A3, TASK);
	store_number(w, IN_RECORD(thread));
	set(w, A1, 0);
	store(w, BPF_W, IN_RECORD(netns), A1);
	load_field(w, BPF_DW, A1, TASK, TASK_NAMESPACES);
	none = jump_if(w, A1, BPF_JEQ, 0);
	load_field(w, BPF_DW, A1, A1, NAMESPACES_NET);
	load(w, BPF_W, A1, A1, (int)(w->offset[NET_COMMON] + w->offset[COMMON_NUMBER]));
	store(w, BPF_W, IN_RECORD(netns), A1);
	land(w, none);
}

static void store_file(struct writing *w)
{
	load(w, BPF_W, A1, CONTEXT, IN_CONTEXT(fd));
	store(w, BPF_W, IN_RECORD(fd), A1);
	load_field(w, BPF_DW, A1, FILE_, FILE_INODE);
	load_field(w, BPF_DW, A1, A1, INODE_NUMBER);
	store(w, BPF_W, IN_RECORD(inode), A1);
}

static void report(struct writing *w)
{
	load(w, BPF_DW, A1, CONTEXT, IN_CONTEXT(meta));
	load(w, BPF_DW, A1, A1, 0); /* meta->seq, the first member since Linux 5.8 */
	move(w, A2, FRAME);
	add(w, A2, RECORD);
	set(w, A3, sizeof(struct record));
	call(w, BPF_FUNC_seq_write);
}

int iterator_write(struct iterator *iterator, const void *btf, size_t length)
{
	struct writing w = {.to = iterator};
	struct btf_wanted fields[FIELDS];

	for (int i = 0; i < FIELDS; i++)
		fields[i] = wanted[i];
	if (!btf_look_up(btf, length, fields, FIELDS))
		return -1;
	for (int i = 0; i < FIELDS; i++)
		w.offset[i] = fields[i].value;
	iterator->count = 0;
	iterator->attach = w.offset[ATTACH];

	move(&w, CONTEXT, A1);
	load(&w, BPF_DW, TASK, CONTEXT, IN_CONTEXT(task));
	end_if(&w, TASK, BPF_JEQ, 0);
	load(&w, BPF_DW, FILE_, CONTEXT, IN_CONTEXT(file));
	end_if(&w, FILE_, BPF_JEQ, 0);
	select_file(&w);
	store_task(&w);
	store_file(&w);
	report(&w);
	end(&w);
	return 0;
}
