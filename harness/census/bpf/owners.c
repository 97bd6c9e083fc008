// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Runs in the kernel for each descriptor of each table: an iterator over task_file (Linux 5.8,
 * bpf_sock_from_file() 5.11). It reports descriptors of TCP and MPTCP sockets, connected or not,
 * and those that lead to namespaces. It only reads.
 *
 * The kernel's structs below have only the members that it reads. When libbpf loads this (CO-RE),
 * it finds their offsets in the kernel's own BTF.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "record.h"

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define NSFS_MAGIC 0x6e736673

#define OF_THE_KERNEL __attribute__((preserve_access_index))

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} OF_THE_KERNEL;

struct ns_common {
	unsigned int inum;
} OF_THE_KERNEL;

struct net {
	struct ns_common ns;
} OF_THE_KERNEL;

struct nsproxy {
	struct net *net_ns;
} OF_THE_KERNEL;

struct upid {
	int nr;
} OF_THE_KERNEL;

struct pid {
	unsigned int level;
	struct upid numbers[1];
} OF_THE_KERNEL;

struct files_struct;

struct task_struct {
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct files_struct *files;
	struct nsproxy *nsproxy;
} OF_THE_KERNEL;

struct super_block {
	unsigned long s_magic;
} OF_THE_KERNEL;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} OF_THE_KERNEL;

struct file {
	struct inode *f_inode;
} OF_THE_KERNEL;

struct sock_common {
	unsigned short skc_family;
} OF_THE_KERNEL;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
} OF_THE_KERNEL;

struct socket {
	struct sock *sk;
} OF_THE_KERNEL;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} OF_THE_KERNEL;

/*
 * The number of a process or thread in our pid namespace. The reader is the current task; its own
 * pid shows how deep its namespace lies.
 */
static __u32 number_of(const struct pid *pid)
{
	const struct task_struct *reader = bpf_get_current_task_btf();
	const char *numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
	int number = 0;

	bpf_probe_read_kernel(&number, sizeof(number),
			      numbers +
				  reader->thread_pid->level * bpf_core_type_size(struct upid) +
				  bpf_core_field_offset(struct upid, nr));
	return (__u32)number;
}

static int kind_of(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk;

	if (!socket)
		return file->f_inode->i_sb->s_magic == NSFS_MAGIC ? RECORD_NAMESPACE : -1;
	sk = socket->sk;
	if (!sk || sk->sk_type != SOCK_STREAM ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return -1;
	return sk->sk_protocol == IPPROTO_TCP || sk->sk_protocol == IPPROTO_MPTCP ? RECORD_TCP : -1;
}

SEC("iter/task_file")
int list_owners(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct record record = {0};
	int kind;

	if (!task || !file)
		return 0;
	kind = kind_of(file);
	if (kind < 0)
		return 0;
	record.kind = (__u32)kind;
	record.table = (__u64)task->files;
	record.pid = number_of(task->group_leader->thread_pid);
	record.thread = number_of(task->thread_pid);
	record.fd = context->fd;
	record.inode = (__u32)file->f_inode->i_ino;
	if (task->nsproxy)
		record.netns = task->nsproxy->net_ns->ns.inum;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
