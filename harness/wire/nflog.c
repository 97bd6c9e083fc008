/* SPDX-License-Identifier: MIT */
/*
 * Records what faults drop: nft(8) rules send a copy of each packet to an NFLOG group before they
 * drop it, after the packet sockets have seen it arrive. Copies are numbered, so gaps are counted.
 */
#include "wire/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUFFER (1 << 21) /* bytes; the kernel may grant fewer */

struct nflog {
	struct mnl_socket *socket;
	pcap_t *dead; /* the format of the file */
	pcap_dumper_t *dump;
	const char *file; /* only while it is drained */
	uint64_t count;
	uint32_t next; /* number of the next copy */
};

static struct nlmsghdr *request(char *buffer, unsigned group)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *head;

	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->nfgen_family = AF_UNSPEC;
	head->version = NFNETLINK_V0;
	head->res_id = htons((uint16_t)group);
	return message;
}

/* Send a request and read its acknowledgment. Returns -1 if the kernel refuses. */
static int ask(struct mnl_socket *socket, const struct nlmsghdr *message)
{
	char buffer[8192];
	ssize_t n;

	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	return n < 0 ? -1 : mnl_cb_run(buffer, (size_t)n, 0, 0, NULL, NULL);
}

static int configure(struct mnl_socket *socket, unsigned group, int snap)
{
	const struct nfulnl_msg_config_cmd bind = {.command = NFULNL_CFG_CMD_BIND};
	const struct nfulnl_msg_config_mode mode = {.copy_range = htonl((uint32_t)snap),
						    .copy_mode = NFULNL_COPY_PACKET};
	char buffer[512];
	struct nlmsghdr *message = request(buffer, group);

	mnl_attr_put(message, NFULA_CFG_CMD, sizeof(bind), &bind);
	if (ask(socket, message) < 0)
		return -1;
	message = request(buffer, group);
	mnl_attr_put(message, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(1)); /* each at once */
	mnl_attr_put_u16(message, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
	return ask(socket, message);
}

struct nflog *nflog_open(unsigned group, int snap)
{
	struct nflog *log = calloc(1, sizeof(*log));
	const int size = BUFFER;

	if (!log)
		return NULL;
	log->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!log->socket || mnl_socket_bind(log->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		goto out;
	if (setsockopt(nflog_fd(log), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(nflog_fd(log), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (configure(log->socket, group, snap) < 0)
		goto out;
	log->dead = pcap_open_dead_with_tstamp_precision(DLT_RAW, snap, PCAP_TSTAMP_PRECISION_NANO);
	if (log->dead)
		return log;
out:
	nflog_close(log);
	return NULL;
}

int nflog_fd(const struct nflog *log)
{
	return mnl_socket_get_fd(log->socket);
}

static int attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **found = data;
	int type = mnl_attr_get_type(attribute);

	if (type == NFULA_PAYLOAD || type == NFULA_SEQ)
		found[type] = attribute;
	return MNL_CB_OK;
}

static int packet(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *found[NFULA_MAX + 1] = {NULL};
	struct nflog *log = data;
	struct pcap_pkthdr head;
	struct timespec now;
	uint32_t number;

	if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(struct nfgenmsg), attribute, found);
	if (!found[NFULA_PAYLOAD] || !found[NFULA_SEQ] ||
	    mnl_attr_validate(found[NFULA_SEQ], MNL_TYPE_U32) < 0)
		return MNL_CB_OK;
	number = ntohl(mnl_attr_get_u32(found[NFULA_SEQ]));
	log->count += number - log->next + 1; /* including those that found no room */
	log->next = number + 1;
	if (!log->dump)
		log->dump = pcap_dump_open(log->dead, log->file);
	if (!log->dump)
		return MNL_CB_ERROR;
	clock_gettime(CLOCK_REALTIME, &now);
	head.ts = (struct timeval){now.tv_sec, now.tv_nsec}; /* ns: see nflog_open() */
	head.caplen = head.len = mnl_attr_get_payload_len(found[NFULA_PAYLOAD]);
	pcap_dump((u_char *)log->dump, &head, mnl_attr_get_payload(found[NFULA_PAYLOAD]));
	return MNL_CB_OK;
}

int nflog_drain(struct nflog *log, const char *file, struct error *error)
{
	static char buffer[1 << 17];
	ssize_t n;

	log->file = file;
	while ((n = recv(nflog_fd(log), buffer, sizeof(buffer), MSG_DONTWAIT)) >= 0 ||
	       errno == ENOBUFS || errno == EINTR)
		if (n > 0 && mnl_cb_run(buffer, (size_t)n, 0, 0, packet, log) < 0)
			return error_set(error, EXIT_CANNOT, "cannot write %s: %s", file,
					 log->dump ? strerror(errno) : pcap_geterr(log->dead));
	if (errno != EAGAIN)
		return error_set(error, EXIT_BROKEN, "cannot read what was dropped: %s",
				 strerror(errno));
	if (log->dump && (pcap_dump_flush(log->dump) < 0 || ferror(pcap_dump_file(log->dump))))
		return error_set(error, EXIT_CANNOT, "cannot write %s: %s", file, strerror(errno));
	return 0;
}

uint64_t nflog_count(const struct nflog *log)
{
	return log->count;
}

void nflog_close(struct nflog *log)
{
	if (!log)
		return;
	if (log->dump)
		pcap_dump_close(log->dump);
	if (log->dead)
		pcap_close(log->dead);
	if (log->socket)
		mnl_socket_close(log->socket);
	free(log);
}
