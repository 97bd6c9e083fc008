/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel for its TCP sockets and reads the answer to the end.
 *
 * The request is the legacy TCPDIAG_GETSOCK, not SOCK_DIAG_BY_FAMILY. Only it has no address
 * family, so one walk of the table lists IPv4 and IPv6 (ss(8) walks twice). The walk is the cost:
 * the machine has one table of hundreds of thousands of buckets for all namespaces.
 */
#include "census/census.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define ATTEMPTS 5

/* netlink_dump() fills at most 32 KiB a reply, once it has seen a buffer of that size. */
#define REPLY_SIZE 32768

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int no_answer(struct error *error, int reason)
{
	switch (reason) {
	case ENOENT:
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
	case EINVAL:
		return error_set(error, EXIT_CANNOT,
				 "this kernel does not list TCP sockets over sock_diag (%s): load "
				 "it with 'modprobe tcp_diag', or use a kernel with "
				 "CONFIG_INET_TCP_DIAG",
				 strerror(reason));
	case EPERM:
	case EACCES:
		return error_set(error, EXIT_CANNOT,
				 "not permitted to list TCP sockets over sock_diag (%s): a seccomp "
				 "or SELinux policy forbids it",
				 strerror(reason));
	default:
		return error_set(error, EXIT_BROKEN, "sock_diag dump failed: %s", strerror(reason));
	}
}

/*
 * idiag_states decides which tables the kernel walks: without the LISTEN bit it skips the
 * listeners' table, without any other bit the big one. Bit 12 (request sockets) follows bit 3 in
 * the kernel. Bit 13 (bound, but neither listening nor connected: since 6.8) would walk the table
 * of ports as well.
 */
static void put_tcp(struct nlmsghdr *message, uint32_t states)
{
	struct inet_diag_req *wanted = mnl_nlmsg_put_extra_header(message, sizeof(*wanted));

	message->nlmsg_type = TCPDIAG_GETSOCK;
	wanted->idiag_states = states & ALL_STATES;
	/* The kernel reports the MPTCP owner only along with tcp_info (tcp_diag_get_aux(),
	 * 6.18). */
	if (states & (CENSUS_SUBFLOWS | CENSUS_TIMES))
		wanted->idiag_ext = 1 << (INET_DIAG_INFO - 1);
}

/* The number of this protocol does not fit into the request, so an attribute carries it. */
static void put_mptcp(struct nlmsghdr *message, uint32_t states, uint8_t family)
{
	struct inet_diag_req_v2 *wanted = mnl_nlmsg_put_extra_header(message, sizeof(*wanted));

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	wanted->sdiag_family = family;
	wanted->sdiag_protocol = IPPROTO_RAW;
	wanted->idiag_states = states & ALL_STATES;
	mnl_attr_put_u32(message, INET_DIAG_REQ_PROTOCOL, IPPROTO_MPTCP);
}

/* MPTCP needs a @family; for TCP 0 asks for both at once. */
static int request(const struct census_transport *transport, uint32_t states, uint8_t family,
		   uint32_t sequence, struct error *error)
{
	char buffer[256] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = sequence;
	if (family)
		put_mptcp(message, states, family);
	else
		put_tcp(message, states);
	while (transport->send(transport->context, message, message->nlmsg_len) < 0)
		if (errno != EINTR)
			return no_answer(error, errno);
	return 0;
}

/* One attempt. Reads to the end even when interrupted; otherwise the next request fails with
 * EBUSY. */
static int attempt(const struct census_transport *transport, uint32_t states, uint8_t family,
		   const struct census_sink *sink, struct census_reply *reply, struct error *error)
{
	static uint32_t last_sequence;
	uint32_t sequence = __atomic_add_fetch(&last_sequence, 1, __ATOMIC_RELAXED);
	_Alignas(struct nlmsghdr) char buffer[REPLY_SIZE];

	sink->begin(sink->data);
	if (request(transport, states, family, sequence, error) < 0)
		return -1;
	for (;;) {
		ssize_t length = transport->receive(transport->context, buffer, sizeof(buffer));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == ENOBUFS) { /* replies were lost, the rest follows */
			reply->interrupted = true;
			continue;
		}
		if (length < 0)
			return no_answer(error, errno);
		if (length == 0)
			return error_set(error, EXIT_BROKEN, "sock_diag dump ended early");
		switch (census_parse(buffer, (size_t)length, sequence, sink->socket, sink->data,
				     reply)) {
		case CENSUS_MORE:
			break;
		case CENSUS_DONE:
			return 0;
		case CENSUS_KERNEL_ERROR:
			if (reply->error == EINTR || reply->error == EBUSY ||
			    reply->error == EAGAIN) {
				reply->interrupted = true;
				return 0;
			}
			return no_answer(error, reply->error);
		case CENSUS_MALFORMED:
			return error_set(error, EXIT_BROKEN,
					 "the kernel's sock_diag reply is malformed");
		}
	}
}

static int dump(const struct census_transport *transport, uint32_t states, uint8_t family,
		const struct census_sink *sink, bool *interrupted, struct error *error)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct census_reply reply = {0};

		if (attempt(transport, states, family, sink, &reply, error) < 0)
			return -1;
		*interrupted = reply.interrupted;
		if (!reply.interrupted)
			break;
	}
	return 0;
}

int census_dump(const struct census_transport *transport, uint32_t states,
		const struct census_sink *sink, bool *interrupted, struct error *error)
{
	return dump(transport, states, 0, sink, interrupted, error);
}

int census_dump_mptcp(const struct census_transport *transport, uint32_t states,
		      const struct census_sink *sink, struct error *error)
{
	bool interrupted;

	return dump(transport, states, AF_INET, sink, &interrupted, error) < 0 ||
		       dump(transport, states, AF_INET6, sink, &interrupted, error) < 0
		   ? -1
		   : 0;
}
