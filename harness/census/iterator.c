/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Writes the BPF program that the kernel runs for each task (an iterator over tasks, Linux 5.8;
 * bpf_loop() 5.17). It reports the descriptors of stream sockets of IPv4 and IPv6, connected or
 * not, and those that lead to namespaces. It only reads, and takes no reference: an iterator over
 * files does, so a close() meanwhile would not release the file before the iterator's read() ends,
 * and a correct server would receive events for a descriptor that it has closed. In C it would be:
 *
 *	table = task->files;
 *	if (!table || (task != task->group_leader && table == task->group_leader->files))
 *		return 0;
 *	fdt = table->fdt;
 *	for each bit in window->width words of fdt->open_fds, from window->first on:
 *		inode = fdt->fd[bit]->f_inode;
 *		if (inode->i_sb->s_magic == NSFS_MAGIC ||
 *		    (inode->i_sb->s_magic == SOCKFS_MAGIC && it is a stream socket of IPv4 or IPv6))
 *			bpf_seq_write(seq, &(struct record){bit, inode->i_ino}, 8);
 *
 * The kernel keeps neither file nor table for it, so what is read may end meanwhile. Memory that is
 * no longer there reads as 0 (bpf_probe_read_kernel()). An inode stays what it is until RCU lets it
 * go, after the program. But since Linux 6.7 a file that is closed may become another one at once:
 * a descriptor counts if it still leads to the same file after the file was read, and a table if it
 * is still that of the task.
 *
 * The program spends its time waiting for memory: the file, its inode, the socket. So it leaves
 * alone socket->sk, which knows the protocol. BTF gives the offsets of this kernel.
 */
#include "census/iterator_parts.h"

#include "census/btf.h"

#define FUNC_LOOP 181 /* newer than the <linux/bpf.h> of some systems that we support */

static const struct btf_wanted wanted[FIELDS] = {
    [FILE_INODE] = {.type = "file", .member = "f_inode"},
    [INODE_SUPER_BLOCK] = {.type = "inode", .member = "i_sb"},
    [INODE_NUMBER] = {.type = "inode", .member = "i_ino"},
    [SUPER_BLOCK_MAGIC] = {.type = "super_block", .member = "s_magic"},
    [SOCKET_INODE] = {.type = "socket_alloc", .member = "vfs_inode"}, /* the socket is first */
    [SOCKET_TYPE] = {.type = "socket", .member = "type"},
    [SOCKET_OPERATIONS] = {.type = "socket", .member = "ops"},
    [OPERATIONS_FAMILY] = {.type = "proto_ops", .member = "family"},
    [TASK_LEADER] = {.type = "task_struct", .member = "group_leader"},
    [TASK_NAME] = {.type = "task_struct", .member = "comm"},
    [TASK_PID] = {.type = "task_struct", .member = "thread_pid"},
    [TASK_TABLE] = {.type = "task_struct", .member = "files"},
    [TASK_NAMESPACES] = {.type = "task_struct", .member = "nsproxy"},
    [TABLE_ARRAYS] = {.type = "files_struct", .member = "fdt"},
    [ARRAYS_ROOM] = {.type = "fdtable", .member = "max_fds"},
    [ARRAYS_FILES] = {.type = "fdtable", .member = "fd"},
    [ARRAYS_OPEN] = {.type = "fdtable", .member = "open_fds"},
    [NAMESPACES_NET] = {.type = "nsproxy", .member = "net_ns"},
    [NET_COMMON] = {.type = "net", .member = "ns"},
    [COMMON_NUMBER] = {.type = "ns_common", .member = "inum"},
    [PID_LEVEL] = {.type = "pid", .member = "level"},
    [PID_NUMBERS] = {.type = "pid", .member = "numbers"},
    [UPID_NUMBER] = {.type = "upid", .member = "nr"},
    [UPID_SIZE] = {.type = "upid"},
    [ATTACH] = {.type = "bpf_iter_task", .function = true},
};

void point(struct writing *w, int to, int offset)
{
	code_move(w->code, to, FRAME);
	code_with(w->code, BPF_ADD, to, offset);
}

void end_if(struct writing *w, int reg, int condition, int value)
{
	w->to_end[w->ends++] = code_jump_if(w->code, reg, condition, value);
}

void end_if_register(struct writing *w, int reg, int condition, int with)
{
	w->to_end[w->ends++] = code_jump_if_register(w->code, reg, condition, with);
}

void end(struct writing *w)
{
	for (size_t i = 0; i < w->ends; i++)
		code_land(w->code, w->to_end[i]);
	w->ends = 0;
	code_return(w->code, 0);
}

void copy(struct writing *w, int offset, size_t size)
{
	code_set(w->code, A2, (int)size);
	point(w, A1, offset);
	code_call(w->code, BPF_FUNC_probe_read_kernel);
}

void copy_field(struct writing *w, int offset, size_t size, int from, enum field field)
{
	code_move(w->code, A3, from);
	code_with(w->code, BPF_ADD, A3, (int)w->offset[field]);
	copy(w, offset, size);
}

void fetch(struct writing *w, int size, int to, int from, enum field field)
{
	const size_t bytes = size == BPF_DW ? 8 : size == BPF_W ? 4 : 2;

	copy_field(w, VALUE_AT, bytes, from, field);
	code_load(w->code, size, to, FRAME, VALUE_AT);
}

void report(struct writing *w, int frame, int offset, size_t size)
{
	code_load(w->code, BPF_DW, A1, frame, offset + IN_FRAME(seq));
	code_set(w->code, A3, (int)size);
	code_call(w->code, BPF_FUNC_seq_write);
}

size_t loop(struct writing *w, int given)
{
	size_t function;

	code_move(w->code, A3, given);
	function = code_function(w->code, A2);
	code_set(w->code, A4, 0);
	code_call(w->code, FUNC_LOOP);
	return function;
}

int iterator_write(struct iterator *iterator, const void *btf, size_t length, int map)
{
	struct writing w = {.code = &iterator->code, .map = map};
	struct btf_wanted fields[FIELDS];
	size_t word, descriptor;

	for (int i = 0; i < FIELDS; i++)
		fields[i] = wanted[i];
	if (!btf_look_up(btf, length, fields, FIELDS))
		return -1;
	for (int i = 0; i < FIELDS; i++)
		w.offset[i] = fields[i].value;
	iterator->attach = w.offset[ATTACH];
	iterator->code.count = 0;
	iterator->function[ITERATOR_MAIN] = 0;
	word = write_main(&w);
	iterator->function[ITERATOR_WORD] = iterator->code.count;
	code_begin(&iterator->code, word);
	descriptor = write_word(&w);
	iterator->function[ITERATOR_DESCRIPTOR] = iterator->code.count;
	code_begin(&iterator->code, descriptor);
	write_descriptor(&w);
	return iterator->code.count <= CODE_ROOM ? 0 : -1;
}
