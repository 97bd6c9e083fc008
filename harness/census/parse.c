/* SPDX-License-Identifier: MIT */
/*
 * Netlink bytes to sockets. Pure: no system call, no allocation, nothing read outside the buffer.
 *
 *	datagram := message+                     one recv(), at most 32 KiB
 *	message  := nlmsghdr payload padding     man 7 netlink
 *	payload  := inet_diag_msg attribute*     man 7 sock_diag, for a socket
 *
 * Two attributes matter: the mark of an MPTCP subflow, and the clocks in tcp_info. The others
 * (shutdown mask, cgroup, socket options) are skipped.
 */
#include "census/census.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>

/*
 * idiag_timer names the timer that runs: 1 retransmission, 2 keepalive, 3 TIME_WAIT, 4 zero-window
 * probe. Outside these states 2 is a timer of FIN_WAIT2 or SYN_SENT.
 */
static int64_t keepalive_of(const struct inet_diag_msg *msg)
{
	bool open = msg->idiag_state == STATE_ESTABLISHED || msg->idiag_state == STATE_CLOSE_WAIT;

	return open && msg->idiag_timer == 2 ? (int64_t)msg->idiag_expires : -1;
}

static bool socket_from(const struct inet_diag_msg *msg, struct census_socket *socket)
{
	unsigned int state = msg->idiag_state;

	if (state == TCP_NEW_SYN_RECV)
		state = STATE_SYN_RECEIVED;
	/* The kernel chooses by state, then reads it: a socket that ended between is in CLOSED. */
	if (state < 1 || state >= STATES || state == STATE_CLOSED)
		return false;
	if (msg->idiag_family != AF_INET && msg->idiag_family != AF_INET6)
		return false;

	*socket = (struct census_socket){
	    .family = msg->idiag_family,
	    .state = (uint8_t)state,
	    .port = ntohs(msg->id.idiag_sport),
	    .peer_port = ntohs(msg->id.idiag_dport),
	    .interface = msg->id.idiag_if,
	    .cookie = (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0],
	    .recv_queue = msg->idiag_rqueue,
	    .send_queue = msg->idiag_wqueue,
	    .inode = msg->idiag_inode,
	    .keepalive = keepalive_of(msg),
	    .silent = -1,
	    .idle = -1,
	};
	/* An IPv4 address is one word; the other words may be garbage. */
	size_t length = msg->idiag_family == AF_INET ? 4 : 16;

	memcpy(socket->address, msg->id.idiag_src, length);
	memcpy(socket->peer, msg->id.idiag_dst, length);
	return true;
}

/* Does INET_DIAG_ULP_INFO have the name "mptcp"? */
static bool is_subflow(const struct nlattr *ulp)
{
	const struct nlattr *name;

	mnl_attr_for_each_nested(
	    name, ulp) if (mnl_attr_get_type(name) == INET_ULP_INFO_NAME &&
			   mnl_attr_get_payload_len(name) ==
			       sizeof("mptcp")) return !memcmp(mnl_attr_get_payload(name), "mptcp",
							       sizeof("mptcp"));
	return false;
}

/* In other states the clocks of tcp_info mean nothing, or never started. */
static void times_from(const struct nlattr *attribute, struct census_socket *socket)
{
	struct tcp_info info;
	size_t needed = offsetof(struct tcp_info, tcpi_last_ack_recv) + sizeof(uint32_t);

	if (!(STATE_BIT(socket->state) & STATES_OF_TWO) ||
	    mnl_attr_get_payload_len(attribute) < needed)
		return;
	memcpy(&info, mnl_attr_get_payload(attribute), needed);
	socket->idle = info.tcpi_last_data_recv;
	socket->silent = info.tcpi_last_ack_recv < info.tcpi_last_data_recv
			     ? info.tcpi_last_ack_recv
			     : info.tcpi_last_data_recv;
}

/* As mnl_attr_for_each(), without its calls for each of the 400,000 attributes of a large dump. */
static void attributes_from(const struct nlmsghdr *message, struct census_socket *socket)
{
	const char *at = mnl_nlmsg_get_payload_offset(message, sizeof(struct inet_diag_msg));
	size_t left = mnl_nlmsg_get_payload_len(message) - sizeof(struct inet_diag_msg);

	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *attribute = (const struct nlattr *)at;
		size_t step = NLA_ALIGN(attribute->nla_len);

		if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > left)
			return;
		if ((attribute->nla_type & NLA_TYPE_MASK) == INET_DIAG_ULP_INFO)
			socket->mptcp |= is_subflow(attribute);
		else if ((attribute->nla_type & NLA_TYPE_MASK) == INET_DIAG_INFO)
			times_from(attribute, socket);
		if (step >= left)
			return;
		at += step;
		left -= step;
	}
}

/* The end of a dump carries 0 or a negative errno since Linux 4.14; before, nothing. */
static enum census_parse end_of_dump(const struct nlmsghdr *message, struct census_reply *reply)
{
	int32_t status = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(status))
		memcpy(&status, mnl_nlmsg_get_payload(message), sizeof(status));
	if (status >= 0)
		return CENSUS_DONE;
	reply->error = status == INT32_MIN ? INT32_MAX : -status;
	return CENSUS_KERNEL_ERROR;
}

static enum census_parse refusal(const struct nlmsghdr *message, struct census_reply *reply)
{
	struct nlmsgerr refused;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(refused))
		return CENSUS_MALFORMED;
	memcpy(&refused, mnl_nlmsg_get_payload(message), sizeof(refused));
	if (!refused.error)
		return CENSUS_MORE; /* an acknowledgment */
	if (refused.error > 0 || refused.error == INT32_MIN)
		return CENSUS_MALFORMED;
	reply->error = -refused.error;
	return CENSUS_KERNEL_ERROR;
}

enum census_parse census_parse(const void *bytes, size_t length, uint32_t sequence,
			       census_socket_fn *each, void *data, struct census_reply *reply)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)length;
	struct census_socket socket;

	if (length > INT32_MAX)
		return CENSUS_MALFORMED;

	for (; left > 0; message = mnl_nlmsg_next(message, &left)) {
		enum census_parse result = CENSUS_MORE;

		/*
		 * mnl_nlmsg_ok() of libmnl 1.0.4 compares lengths as int and accepts an nlmsg_len
		 * of 2 GiB and more; hence the first comparison.
		 */
		if ((size_t)left < sizeof(*message) || message->nlmsg_len > (uint32_t)left ||
		    !mnl_nlmsg_ok(message, left))
			return CENSUS_MALFORMED;
		/* Left over from an abandoned dump, or not for us. */
		if (message->nlmsg_seq != sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			reply->interrupted = true;

		switch (message->nlmsg_type) {
		case NLMSG_NOOP:
			break;
		case NLMSG_DONE:
			result = end_of_dump(message, reply);
			break;
		case NLMSG_ERROR:
			result = refusal(message, reply);
			break;
		case TCPDIAG_GETSOCK:
		case SOCK_DIAG_BY_FAMILY:
			if (mnl_nlmsg_get_payload_len(message) < sizeof(struct inet_diag_msg))
				return CENSUS_MALFORMED;
			if (!socket_from(mnl_nlmsg_get_payload(message), &socket))
				break;
			attributes_from(message, &socket);
			each(&socket, data);
			break;
		default:
			return CENSUS_MALFORMED;
		}
		if (result != CENSUS_MORE)
			return result;
	}
	return CENSUS_MORE;
}
