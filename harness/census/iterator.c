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
 * no longer there reads as 0. An inode stays what it is until RCU lets it go, after the program.
 * But since Linux 6.7 a file that is closed may become another one at once: a descriptor counts if,
 * after all was read, it still leads to the same file and this to the same inode, and a table if it
 * is still that of the task.
 *
 * The program spends its time waiting for memory: the file, its inode, the socket. So it leaves
 * alone socket->sk, which knows the protocol. BTF gives the offsets of this kernel.
 */
#include "census/iterator_parts.h"

static const struct btf_wanted wanted[FIELDS] = {
    [ATTACH] = {.type = "bpf_iter_task", .function = true},
    WANTED_CAST(true),
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
};

int iterator_write(struct iterator *iterator, const void *btf, size_t length, int map)
{
	size_t file, descriptor;
	struct writing w;

	if (writing_begin(&w, iterator, wanted, FIELDS, btf, length, map) < 0)
		return -1;
	function_begin(&w, write_main(&w));
	write_word(&w, &file, &descriptor);
	function_begin(&w, file);
	write_file(&w);
	function_begin(&w, descriptor);
	write_descriptor(&w);
	return writing_fits(&w) ? 0 : -1;
}
