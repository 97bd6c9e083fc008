/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel for its TCP sockets and reads the answer to the end.
 *
 * The request is the legacy TCPDIAG_GETSOCK, not SOCK_DIAG_BY_FAMILY: it alone has no address
 * family, so one walk of the table lists IPv4 and IPv6 (ss(8) walks twice). The walk is what costs:
 * the table of the machine has hundreds of thousands of buckets, whosoever's the sockets are.
 */
#include "census/census.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <string.h>

#define ATTEMPTS 5

/* netlink_dump() fills at most 32 KiB a reply, provided that it has seen a buffer of that size. */
#define REPLY_SIZE 32768

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
 * idiag_states decides what is walked at all: without the LISTEN bit the listeners' table is left
 * out, without any other the big one. Bit 12 (request sockets) follows bit 3 in the kernel; bit 13
 * (bound, but neither listening nor connected: since 6.8) would walk the table of ports as well.
 */
static int request(const struct census_transport *transport, uint32_t states, uint32_t sequence,
		   struct error *error)
{
	char buffer[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req)] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req *wanted;

	message->nlmsg_type = TCPDIAG_GETSOCK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = sequence;
	wanted = mnl_nlmsg_put_extra_header(message, sizeof(*wanted));
	wanted->idiag_states = states & ALL_STATES;

	while (transport->send(transport->context, message, message->nlmsg_len) < 0)
		if (errno != EINTR)
			return no_answer(error, errno);
	return 0;
}

/* One attempt. Reads to the end even when interrupted, or the next request would find it busy. */
static int attempt(const struct census_transport *transport, uint32_t states,
		   const struct census_sink *sink, struct census_reply *reply, struct error *error)
{
	static uint32_t last_sequence;
	uint32_t sequence = __atomic_add_fetch(&last_sequence, 1, __ATOMIC_RELAXED);
	_Alignas(struct nlmsghdr) char buffer[REPLY_SIZE];

	sink->begin(sink->data);
	if (request(transport, states, sequence, error) < 0)
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
					 "the kernel's sock_diag reply makes no sense");
		}
	}
}

int census_dump(const struct census_transport *transport, uint32_t states,
		const struct census_sink *sink, bool *interrupted, struct error *error)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct census_reply reply = {0};

		if (attempt(transport, states, sink, &reply, error) < 0)
			return -1;
		*interrupted = reply.interrupted;
		if (!reply.interrupted)
			break;
	}
	return 0;
}
