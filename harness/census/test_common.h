/* SPDX-License-Identifier: MIT */
/* What the tests share: cmocka, recorded dumps, and messages as a kernel would write them. */
#ifndef CENSUS_TEST_COMMON_H
#define CENSUS_TEST_COMMON_H

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "common/test.h"
#include "census/internal.h"

#define RECORDED_SEQUENCE 7 /* see recorded/record.py */

/* A recorded file in memory of exactly its size, so that ASan catches the first byte beyond it. */
static inline unsigned char *recorded(const char *name, size_t *length)
{
	char path[256];
	FILE *file;
	unsigned char *bytes;

	snprintf(path, sizeof(path), "harness/census/recorded/%s", name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("cannot open %s: run the tests from the root of the repository", path);
	fseek(file, 0, SEEK_END);
	*length = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(*length);
	assert_int_equal(fread(bytes, 1, *length, file), *length);
	fclose(file);
	return bytes;
}

/* A datagram, built message by message. */
struct datagram {
	_Alignas(struct nlmsghdr) unsigned char bytes[32768];
	size_t length;
};

static inline struct nlmsghdr *add_message(struct datagram *datagram, uint16_t type, uint16_t flags,
					   const void *payload, size_t size)
{
	struct nlmsghdr *message = (void *)(datagram->bytes + datagram->length);

	assert_true(datagram->length + NLMSG_SPACE(size) <= sizeof(datagram->bytes));
	*message = (struct nlmsghdr){
	    .nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
	    .nlmsg_type = type,
	    .nlmsg_flags = flags,
	    .nlmsg_seq = RECORDED_SEQUENCE,
	};
	if (size)
		memcpy(NLMSG_DATA(message), payload, size);
	datagram->length += NLMSG_SPACE(size);
	return message;
}

static inline void add_socket(struct datagram *datagram, uint8_t state, uint16_t port,
			      uint16_t peer_port, uint32_t inode, uint32_t recv_queue)
{
	struct inet_diag_msg msg = {
	    .idiag_family = AF_INET,
	    .idiag_state = state,
	    .idiag_rqueue = recv_queue,
	    .idiag_inode = inode,
	};

	msg.id.idiag_sport = htons(port);
	msg.id.idiag_dport = htons(peer_port);
	msg.id.idiag_src[0] = htonl(0x0a000002);
	msg.id.idiag_dst[0] = htonl(0x0a000001);
	msg.id.idiag_cookie[0] = inode + 1;
	add_message(datagram, TCPDIAG_GETSOCK, NLM_F_MULTI, &msg, sizeof(msg));
}

static inline void add_done(struct datagram *datagram, int32_t status)
{
	add_message(datagram, NLMSG_DONE, NLM_F_MULTI, &status, sizeof(status));
}

#endif
