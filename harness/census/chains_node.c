/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The part of the program of chains.c that runs for each socket. */
#include "census/chains_parts.h"

#include <sys/socket.h>

#include "census/socket.h"

#define SOCK_KEEPOPEN 8 /* a bit of sk_flags (include/net/sock.h) */

enum { GIVEN = BPF_REG_6, SOCK, STATE, NEXT };

/* In the frame. */
enum { CONNECTION_AT = VALUE_AT - (int)sizeof(struct connection), KIND_AT = CONNECTION_AT - 8 };
#define IN_CONNECTION(member) (CONNECTION_AT + (int)offsetof(struct connection, member))

/*
 * STATE: as sock_diag reports it; at KIND_AT what it is. Leave a socket that is not wanted. Returns
 * the jump of a closed one: it has left the table, and so may have its predecessor.
 */
static size_t select_socket(struct writing *w)
{
	size_t other, closed;

	fetch(w, BPF_DW, STATE, SOCK, COMMON_NET);
	code_map_value(w->code, A5, w->map);
	code_load(w->code, BPF_DW, A1, A5, IN_CHAINS(net));
	end_if_register(w, A1, BPF_JNE, STATE);
	fetch(w, BPF_B, STATE, SOCK, COMMON_STATE);
	code_store(w->code, BPF_DW, FRAME, KIND_AT, STATE);
	closed = code_jump_if(w->code, STATE, BPF_JEQ, STATE_CLOSED);
	other = code_jump_if(w->code, STATE, BPF_JNE, STATE_TIME_WAIT);
	fetch(w, BPF_B, STATE, SOCK, TIME_WAIT_STATE);
	code_land(w->code, other);
	code_map_value(w->code, A5, w->map);
	code_load(w->code, BPF_W, A1, A5, IN_CHAINS(states));
	code_with(w->code, BPF_AND, STATE, 31);
	code_with_register(w->code, BPF_RSH, A1, STATE);
	code_with(w->code, BPF_AND, A1, 1);
	end_if(w, A1, BPF_JEQ, 0);
	return closed;
}

/* Returns the jump of a socket that is not of this chain. */
static size_t check_hash(struct writing *w)
{
	fetch(w, BPF_W, A1, SOCK, COMMON_HASH);
	code_map_value(w->code, A5, w->map);
	code_load(w->code, BPF_W, A2, A5, IN_CHAINS(mask));
	code_with_register(w->code, BPF_AND, A1, A2);
	code_load(w->code, BPF_DW, A2, GIVEN, IN_FRAME(bucket));
	return code_jump_if_register(w->code, A1, BPF_JNE, A2);
}

static void take(struct writing *w, int size, int to, int field)
{
	fetch(w, size, A1, SOCK, field);
	code_store(w->code, size, FRAME, to, A1);
}

static void take_six(struct writing *w, int to, int field)
{
	for (int i = 0; i < 16; i += 8) {
		load(w, BPF_DW, A1, SOCK, offset_of(w, field) + i);
		code_store(w->code, BPF_DW, FRAME, to + i, A1);
	}
}

static void take_addresses(struct writing *w)
{
	size_t four, done;

	fetch(w, BPF_H, A1, SOCK, COMMON_FAMILY);
	code_store(w->code, BPF_B, FRAME, IN_CONNECTION(family), A1);
	four = code_jump_if(w->code, A1, BPF_JNE, AF_INET6);
	take_six(w, IN_CONNECTION(address), COMMON_ADDRESS6);
	take_six(w, IN_CONNECTION(peer), COMMON_PEER6);
	done = code_jump(w->code);
	code_land(w->code, four);
	take(w, BPF_W, IN_CONNECTION(address), COMMON_ADDRESS);
	take(w, BPF_W, IN_CONNECTION(peer), COMMON_PEER);
	code_land(w->code, done);
}

static void take_common(struct writing *w)
{
	code_set(w->code, A1, 0);
	for (size_t i = 0; i < sizeof(struct connection); i += sizeof(uint64_t))
		code_store(w->code, BPF_DW, FRAME, CONNECTION_AT + (int)i, A1);
	code_store(w->code, BPF_B, FRAME, IN_CONNECTION(state), STATE);
	take(w, BPF_H, IN_CONNECTION(port), COMMON_PORT);
	take(w, BPF_H, IN_CONNECTION(peer_port), COMMON_PEER_PORT);
	take(w, BPF_W, IN_CONNECTION(interface), COMMON_INTERFACE);
	take_addresses(w);
}

static void take_inode(struct writing *w)
{
	size_t none;

	if (w->field[SOCK_NUMBER].found) {
		fetch(w, BPF_DW, A1, SOCK, SOCK_NUMBER);
		code_store(w->code, BPF_W, FRAME, IN_CONNECTION(inode), A1);
		return;
	}
	fetch(w, BPF_DW, A3, SOCK, SOCK_SOCKET);
	none = code_jump_if(w->code, A3, BPF_JEQ, 0);
	load(w, BPF_DW, A1, A3, offset_of(w, SOCKET_INODE) + offset_of(w, INODE_NUMBER));
	code_store(w->code, BPF_W, FRAME, IN_CONNECTION(inode), A1);
	code_land(w->code, none);
}

/* Only of a CLOSE_WAIT does it matter (census_unread()). */
static void take_unread(struct writing *w)
{
	enum { RECEIVED = STATE };
	size_t other = code_jump_if(w->code, STATE, BPF_JNE, STATE_CLOSE_WAIT);

	fetch(w, BPF_W, RECEIVED, SOCK, TCP_RECEIVED);
	fetch(w, BPF_W, A1, SOCK, TCP_READ);
	code_with_register(w->code, BPF_SUB, RECEIVED, A1);
	code_store(w->code, BPF_W, FRAME, IN_CONNECTION(unread), RECEIVED);
	code_set(w->code, STATE, STATE_CLOSE_WAIT);
	code_land(w->code, other);
}

/* As sock_diag: other timers hide it (inet_sk_diag_fill()), and in other states it is none. */
static void take_keepalive(struct writing *w)
{
	enum { EXPIRES = STATE };
	size_t leave[4], runs, due;

	fetch(w, BPF_DW, A1, SOCK, COMMON_FLAGS);
	code_with(w->code, BPF_AND, A1, SOCK_KEEPOPEN);
	leave[0] = code_jump_if(w->code, A1, BPF_JEQ, 0);
	runs = code_jump_if(w->code, STATE, BPF_JEQ, STATE_ESTABLISHED);
	leave[1] = code_jump_if(w->code, STATE, BPF_JNE, STATE_CLOSE_WAIT);
	code_land(w->code, runs);
	fetch(w, BPF_B, A1, SOCK, CONNECTION_PENDING);
	leave[2] = code_jump_if(w->code, A1, BPF_JNE, 0);
	fetch(w, BPF_DW, A1, SOCK, NODE_PENDING);
	leave[3] = code_jump_if(w->code, A1, BPF_JEQ, 0);
	fetch(w, BPF_DW, EXPIRES, SOCK, TIMER_EXPIRES);
	code_call(w->code, BPF_FUNC_jiffies64);
	code_with_register(w->code, BPF_SUB, EXPIRES, RESULT);
	due = code_jump_if(w->code, EXPIRES, BPF_JSGE, 0);
	code_set(w->code, EXPIRES, 0);
	code_land(w->code, due);
	code_with(w->code, BPF_ADD, EXPIRES, 1);
	code_store(w->code, BPF_DW, FRAME, IN_CONNECTION(keepalive), EXPIRES);
	for (int i = 0; i < 4; i++)
		code_land(w->code, leave[i]);
}

/* A TIME_WAIT and a request have nothing else. */
static void take_rest(struct writing *w)
{
	size_t small[2];

	code_load(w->code, BPF_DW, A1, FRAME, KIND_AT);
	small[0] = code_jump_if(w->code, A1, BPF_JEQ, STATE_TIME_WAIT);
	small[1] = code_jump_if(w->code, A1, BPF_JEQ, TCP_NEW_SYN_RECV);
	take_inode(w);
	take_unread(w);
	take_keepalive(w);
	code_land(w->code, small[0]);
	code_land(w->code, small[1]);
}

/* Returns the jump of a socket that its predecessor does not lead to any more. */
static size_t check_place(struct writing *w)
{
	code_load(w->code, BPF_DW, A3, GIVEN, IN_FRAME(place));
	load(w, BPF_DW, A1, A3, 0);
	code_load(w->code, BPF_DW, A2, GIVEN, IN_FRAME(node));
	return code_jump_if_register(w->code, A1, BPF_JNE, A2);
}

static void count_one(struct writing *w, int offset)
{
	code_map_value(w->code, A5, w->map);
	code_load(w->code, BPF_W, A1, A5, offset);
	code_with(w->code, BPF_ADD, A1, 1);
	code_store(w->code, BPF_W, A5, offset, A1);
}

static void write_connection(struct writing *w)
{
	count_one(w, IN_CHAINS(count));
	point(w, A2, CONNECTION_AT);
	report(w, GIVEN, IN_FRAME(seq), sizeof(struct connection));
}

/* A3: the address of the head of the chain. */
static void find_head(struct writing *w)
{
	code_map_value(w->code, A5, w->map);
	code_load(w->code, BPF_DW, A1, GIVEN, IN_FRAME(bucket));
	code_with(w->code, BPF_LSH, A1, 3);
	code_load(w->code, BPF_DW, A3, A5, IN_CHAINS(table));
	code_with_register(w->code, BPF_ADD, A3, A1);
}

/*
 * Returns the jump of a chain that has a new first socket. Before Linux 6.19 that may be a
 * TIME_WAIT, and the connection that it replaces has left its place further on.
 */
static size_t check_first(struct writing *w)
{
	find_head(w);
	load(w, BPF_DW, A1, A3, 0);
	code_load(w->code, BPF_DW, A2, GIVEN, IN_FRAME(first));
	return code_jump_if_register(w->code, A1, BPF_JNE, A2);
}

/* Back to the head of the chain. */
static void begin_again(struct writing *w)
{
	find_head(w);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(place), A3);
	load(w, BPF_DW, A1, A3, 0);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(node), A1);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(first), A1);
}

void write_node(struct writing *w)
{
	size_t over, written, strayed[6];

	code_move(w->code, GIVEN, A2);
	code_load(w->code, BPF_DW, SOCK, GIVEN, IN_FRAME(node));
	code_move(w->code, A1, SOCK);
	code_with(w->code, BPF_AND, A1, 1);
	over = code_jump_if(w->code, A1, BPF_JNE, 0);
	count_one(w, IN_CHAINS(looks));
	code_with(w->code, BPF_SUB, SOCK, offset_of(w, COMMON_NODE));
	fetch(w, BPF_DW, NEXT, SOCK, COMMON_NODE);
	strayed[0] = select_socket(w);
	take_common(w);
	take_rest(w);
	strayed[1] = check_hash(w);
	strayed[2] = check_place(w);
	write_connection(w);
	written = code_jump(w->code);
	end_here(w);
	strayed[3] = check_place(w); /* what is not wanted may have become so elsewhere */
	code_land(w->code, written);
	code_load(w->code, BPF_DW, A1, GIVEN, IN_FRAME(node));
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(place), A1);
	code_store(w->code, BPF_DW, GIVEN, IN_FRAME(node), NEXT);
	code_return(w->code, 0);
	code_land(w->code, over);
	code_with(w->code, BPF_RSH, SOCK, 1);
	code_load(w->code, BPF_DW, A1, GIVEN, IN_FRAME(bucket));
	strayed[4] = code_jump_if_register(w->code, SOCK, BPF_JNE, A1);
	strayed[5] = check_first(w);
	code_return(w->code, 1); /* no more */
	for (int i = 0; i < 6; i++)
		code_land(w->code, strayed[i]);
	begin_again(w);
	code_return(w->code, 0);
}
