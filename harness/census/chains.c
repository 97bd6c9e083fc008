/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Writes the BPF program that lists the sockets in the table of connections: all TCP sockets but
 * listeners and those that are bound only. sock_diag takes four times as long, because it builds a
 * message with attributes for each. In C it would be:
 *
 *	for each bucket, from chains->next on:
 *		for each node of its chain:
 *			sk = container_of(node, struct sock, sk_nulls_node);
 *			if (sk->sk_net == the net of chains->descriptor && its state is wanted)
 *				bpf_seq_write(seq, what is known of it, sizeof(struct connection));
 *
 * Like all who look up a connection, it takes no lock and relies on RCU; like the other program, it
 * takes no reference. A socket may be released and become another one meanwhile (its memory stays a
 * socket's: SLAB_TYPESAFE_BY_RCU). So it counts only if the pointer that led to it still does after
 * the socket was read, and its hash belongs to the bucket; and a chain ends with the number of its
 * bucket, and begins as it did. Otherwise the chain is walked again; window.c recognises the
 * sockets listed twice.
 *
 * The kernel has a program run for each element of a map (Linux 5.9), here for the only one.
 */
#include "census/chains_parts.h"

#define GROUP 64    /* buckets whose heads are read at once */
#define AT_ONCE 256 /* groups: 16,384 buckets, at most a millisecond if they are empty */

/* struct bpf_iter__bpf_map_elem of the kernel: what the program is given, in A1. */
struct context {
	uint64_t meta, map, key, value;
};

static const struct btf_wanted wanted[FIELDS] = {
    [ATTACH] = {.type = "bpf_iter_bpf_map_elem", .function = true},
    WANTED_CAST(false),
    [COMMON_HASH] = {.type = "sock_common", .member = "skc_hash"},
    [COMMON_FAMILY] = {.type = "sock_common", .member = "skc_family"},
    [COMMON_STATE] = {.type = "sock_common", .member = "skc_state"},
    [COMMON_PORT] = {.type = "sock_common", .member = "skc_num"},
    [COMMON_PEER_PORT] = {.type = "sock_common", .member = "skc_dport"},
    [COMMON_ADDRESS] = {.type = "sock_common", .member = "skc_rcv_saddr"},
    [COMMON_PEER] = {.type = "sock_common", .member = "skc_daddr"},
    [COMMON_ADDRESS6] = {.type = "sock_common", .member = "skc_v6_rcv_saddr"},
    [COMMON_PEER6] = {.type = "sock_common", .member = "skc_v6_daddr"},
    [COMMON_INTERFACE] = {.type = "sock_common", .member = "skc_bound_dev_if"},
    [COMMON_NET] = {.type = "sock_common", .member = "skc_net"},
    [COMMON_FLAGS] = {.type = "sock_common", .member = "skc_flags"},
    [COMMON_NODE] = {.type = "sock_common", .member = "skc_nulls_node"},
    [TASK_TABLE] = {.type = "task_struct", .member = "files"},
    [TABLE_ARRAYS] = {.type = "files_struct", .member = "fdt"},
    [ARRAYS_FILES] = {.type = "fdtable", .member = "fd"},
    [FILE_INODE] = {.type = "file", .member = "f_inode"},
    [SOCKET_INODE] = {.type = "socket_alloc", .member = "vfs_inode"}, /* the socket is first */
    [SOCKET_SOCK] = {.type = "socket", .member = "sk"},
    [NET_IPV4] = {.type = "net", .member = "ipv4"},
    [IPV4_ROW] = {.type = "netns_ipv4", .member = "tcp_death_row"},
    [ROW_TABLE] = {.type = "inet_timewait_death_row", .member = "hashinfo"},
    [TABLE_BUCKETS] = {.type = "inet_hashinfo", .member = "ehash"},
    [TABLE_MASK] = {.type = "inet_hashinfo", .member = "ehash_mask"},
    [SOCK_SOCKET] = {.type = "sock", .member = "sk_socket"},
    [INODE_NUMBER] = {.type = "inode", .member = "i_ino"},
    [SOCK_TIMER] = {.type = "sock", .member = "sk_timer"},
    [TIMER_NODE] = {.type = "timer_list", .member = "entry"},
    [NODE_PENDING] = {.type = "hlist_node", .member = "pprev"},
    [TIMER_EXPIRES] = {.type = "timer_list", .member = "expires"},
    [CONNECTION_PENDING] = {.type = "inet_connection_sock", .member = "icsk_pending"},
    [TCP_RECEIVED] = {.type = "tcp_sock", .member = "rcv_nxt"},
    [TCP_READ] = {.type = "tcp_sock", .member = "copied_seq"},
    [TIME_WAIT_STATE] = {.type = "inet_timewait_sock", .member = "tw_substate"},
    [SOCK_NUMBER] = {.type = "sock", .member = "sk_ino", .optional = true},
    [CONNECTION_TIMER] = {.type = "inet_connection_sock",
			  .member = "icsk_keepalive_timer",
			  .optional = true},
};

/* ---- all ------------------------------------------------------------------------------------- */

enum { CHAINS_AT = BPF_REG_7, TABLE, GIVEN };

/* The net of the socket @descriptor of the current task, which is the reader, and its table. */
static void find_table(struct writing *w)
{
	enum { AT = TABLE };

	code_call(w->code, BPF_FUNC_get_current_task_btf);
	fetch(w, BPF_DW, A3, RESULT, TASK_TABLE);
	fetch(w, BPF_DW, A3, A3, TABLE_ARRAYS);
	fetch(w, BPF_DW, A3, A3, ARRAYS_FILES);
	code_load(w->code, BPF_W, A1, CHAINS_AT, IN_CHAINS(descriptor));
	code_with(w->code, BPF_LSH, A1, 3);
	code_with_register(w->code, BPF_ADD, A3, A1);
	load(w, BPF_DW, A3, A3, 0);
	fetch(w, BPF_DW, A3, A3, FILE_INODE);
	code_with(w->code, BPF_SUB, A3, offset_of(w, SOCKET_INODE));
	fetch(w, BPF_DW, A3, A3, SOCKET_SOCK);
	fetch(w, BPF_DW, AT, A3, COMMON_NET);
	code_store(w->code, BPF_DW, CHAINS_AT, IN_CHAINS(net), AT);
	fetch(w, BPF_DW, AT, AT, ROW_TABLE);
	fetch(w, BPF_W, A1, AT, TABLE_MASK);
	code_store(w->code, BPF_W, CHAINS_AT, IN_CHAINS(mask), A1);
	fetch(w, BPF_DW, AT, AT, TABLE_BUCKETS);
	code_store(w->code, BPF_DW, CHAINS_AT, IN_CHAINS(table), AT);
}

static size_t write_main(struct writing *w)
{
	const int frame_at = VALUE_AT - (int)sizeof(struct frame);
	size_t group;

	code_load(w->code, BPF_DW, A2, A1, (int)offsetof(struct context, key));
	end_if(w, A2, BPF_JEQ, 0); /* after the last */
	code_load(w->code, BPF_DW, A1, A1, (int)offsetof(struct context, meta));
	code_load(w->code, BPF_DW, A1, A1, 0); /* meta->seq, the first member since Linux 5.8 */
	code_store(w->code, BPF_DW, FRAME, frame_at + IN_FRAME(seq), A1);
	code_map_value(w->code, CHAINS_AT, w->map);
	code_set(w->code, A1, 0);
	code_store(w->code, BPF_W, CHAINS_AT, IN_CHAINS(count), A1);
	code_store(w->code, BPF_W, CHAINS_AT, IN_CHAINS(looks), A1);
	find_table(w);
	code_set(w->code, A1, AT_ONCE);
	point(w, GIVEN, frame_at);
	group = loop(w, GIVEN);
	end(w);
	return group;
}

/* ---- a group of buckets ---------------------------------------------------------------------- */

/*
 * Leave when what is written leaves no room for another chain, when it has taken long, or when the
 * table makes no sense.
 */
static void end_if_full(struct writing *w)
{
	code_load(w->code, BPF_W, A1, CHAINS_AT, IN_CHAINS(count));
	end_if(w, A1, BPF_JGT, CONNECTIONS_AT_ONCE - CHAIN_LONGEST);
	code_load(w->code, BPF_W, A1, CHAINS_AT, IN_CHAINS(looks));
	end_if(w, A1, BPF_JGE, LOOKS_AT_ONCE);
	code_load(w->code, BPF_W, A1, CHAINS_AT, IN_CHAINS(lost));
	end_if(w, A1, BPF_JNE, 0);
}

static void write_group(struct writing *w, size_t *head, size_t *bucket)
{
	enum { NUMBER = TABLE };
	size_t fits;

	code_move(w->code, GIVEN, A2);
	code_map_value(w->code, CHAINS_AT, w->map);
	end_if_full(w);
	code_load(w->code, BPF_W, NUMBER, CHAINS_AT, IN_CHAINS(mask));
	code_with(w->code, BPF_ADD, NUMBER, 1);
	code_load(w->code, BPF_W, A1, CHAINS_AT, IN_CHAINS(next));
	end_if_register(w, NUMBER, BPF_JLE, A1);
	code_with_register(w->code, BPF_SUB, NUMBER, A1);
	fits = code_jump_if(w->code, NUMBER, BPF_JLE, GROUP);
	code_set(w->code, NUMBER, GROUP);
	code_land(w->code, fits);
	code_load(w->code, BPF_DW, A3, CHAINS_AT, IN_CHAINS(table));
	code_with(w->code, BPF_LSH, A1, 3);
	code_with_register(w->code, BPF_ADD, A3, A1);
	code_move(w->code, A2, NUMBER);
	code_with(w->code, BPF_LSH, A2, 3);
	code_move(w->code, A1, CHAINS_AT);
	code_with(w->code, BPF_ADD, A1, IN_CHAINS(head));
	code_call(w->code, BPF_FUNC_probe_read_kernel);
	code_move(w->code, A1, NUMBER);
	*head = loop(w, GIVEN);
	code_move(w->code, A1, NUMBER);
	*bucket = loop(w, GIVEN);
	end(w);
}

/* ---- a head ---------------------------------------------------------------------------------- */

/*
 * Reads what is needed of the first socket of a chain, without using it. Nearly all of the time
 * goes into waiting for memory, and a function as short as this lets the processor wait for many
 * sockets at once.
 */
static void write_head(struct writing *w)
{
	static const int touched[] = {COMMON_NODE, SOCK_NUMBER, TCP_READ, TCP_RECEIVED};
	enum { SOCK = BPF_REG_6 };

	code_map_value(w->code, CHAINS_AT, w->map);
	code_with(w->code, BPF_AND, A1, GROUP - 1);
	code_with(w->code, BPF_LSH, A1, 3);
	code_with_register(w->code, BPF_ADD, A1, CHAINS_AT);
	code_load(w->code, BPF_DW, SOCK, A1, IN_CHAINS(head));
	code_move(w->code, A1, SOCK);
	code_with(w->code, BPF_AND, A1, 1);
	end_if(w, A1, BPF_JNE, 0);
	code_with(w->code, BPF_SUB, SOCK, offset_of(w, COMMON_NODE));
	fetch(w, BPF_DW, A1, SOCK, COMMON_NET);
	code_load(w->code, BPF_DW, A2, CHAINS_AT, IN_CHAINS(net));
	end_if_register(w, A1, BPF_JNE, A2);
	for (size_t i = 0; i < sizeof(touched) / sizeof(touched[0]); i++)
		fetch(w, BPF_B, A1, SOCK, touched[i]);
	end(w);
}

/* ---- a bucket -------------------------------------------------------------------------------- */

/* The table is not what it seems, or a chain does not come to its end. */
static void lose(struct writing *w)
{
	code_set(w->code, A1, 1);
	code_store(w->code, BPF_W, CHAINS_AT, IN_CHAINS(lost), A1);
}

static size_t write_bucket(struct writing *w)
{
	enum { BUCKET = TABLE, HEAD = BPF_REG_6 };
	size_t node, sound, occupied;

	code_move(w->code, HEAD, A1);
	code_move(w->code, GIVEN, A2);
	code_map_value(w->code, CHAINS_AT, w->map);
	end_if_full(w);
	code_load(w->code, BPF_W, BUCKET, CHAINS_AT, IN_CHAINS(next));
	code_move(w->code, A1, BUCKET);
	code_with(w->code, BPF_ADD, A1, 1);
	code_store(w->code, BPF_W, CHAINS_AT, IN_CHAINS(next), A1);
	code_with(w->code, BPF_AND, HEAD, GROUP - 1);
	code_with(w->code, BPF_LSH, HEAD, 3);
	code_move(w->code, A1, CHAINS_AT);
	code_with_register(w->code, BPF_ADD, A1, HEAD);
	code_load(w->code, BPF_DW, HEAD, A1, IN_CHAINS(head));
	code_move(w->code, A1, HEAD);
	code_with(w->code, BPF_AND, A1, 1);
	occupied = code_jump_if(w->code, A1, BPF_JEQ, 0);
	code_with(w->code, BPF_RSH, HEAD, 1);
	end_if_register(w, HEAD, BPF_JEQ, BUCKET);
	sound = code_jump(w->code);
	code_land(w->code, occupied);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(node), HEAD);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(first), HEAD);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(bucket), BUCKET);
	code_with(w->code, BPF_LSH, BUCKET, 3);
	code_load(w->code, BPF_DW, A1, CHAINS_AT, IN_CHAINS(table));
	code_with_register(w->code, BPF_ADD, BUCKET, A1);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(place), BUCKET);
	code_set(w->code, A1, CHAIN_LONGEST);
	node = loop(w, GIVEN);
	end_if(w, RESULT, BPF_JNE, CHAIN_LONGEST);
	code_land(w->code, sound);
	lose(w);
	end(w);
	return node;
}

int chains_write(struct iterator *iterator, const void *btf, size_t length, int map)
{
	size_t head, bucket;
	struct writing w;
	int timer;

	if (writing_begin(&w, iterator, wanted, FIELDS, btf, length, map) < 0)
		return -1;
	w.field[ROW_TABLE].value += w.field[IPV4_ROW].value + w.field[NET_IPV4].value;
	timer = w.field[CONNECTION_TIMER].found ? CONNECTION_TIMER : SOCK_TIMER;
	w.field[NODE_PENDING].value += w.field[TIMER_NODE].value + w.field[timer].value;
	w.field[TIMER_EXPIRES].value += w.field[timer].value;
	function_begin(&w, write_main(&w));
	write_group(&w, &head, &bucket);
	function_begin(&w, head);
	write_head(&w);
	function_begin(&w, bucket);
	function_begin(&w, write_bucket(&w));
	write_node(&w);
	return writing_fits(&w) ? 0 : -1;
}
