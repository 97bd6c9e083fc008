/* SPDX-License-Identifier: MIT */
/*
 * Lists the sockets of a namespace with sock_diag, or, where that is forbidden or missing, from
 * /proc/net/tcp and tcp6 (as ss(8) does).
 */
#include "census/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t transport_send(void *context, const void *bytes, size_t length)
{
	return mnl_socket_sendto(context, bytes, length);
}

static ssize_t transport_receive(void *context, void *buffer, size_t size)
{
	return mnl_socket_recvfrom(context, buffer, size);
}

ssize_t read_again(int fd, char *text, size_t size)
{
	ssize_t length = pread(fd, text, size - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	return length;
}

static void nothing(void *data)
{
	(void)data;
}

static void ignore(const struct census_socket *socket, void *data)
{
	(void)socket;
	(void)data;
}

/* Does this socket answer? A kernel without tcp_diag opens one but refuses the request. */
static bool answers(const struct census_transport *transport)
{
	const struct census_sink sink = {nothing, ignore, NULL};
	bool interrupted;
	struct error error;

	return census_dump(transport, 0, &sink, &interrupted, &error) == 0; /* no state: no walk */
}

int source_open(struct source *source, struct error *error)
{
	struct mnl_socket *diag = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int reason = errno, size = 1 << 20;

	*source = (struct source){{transport_send, transport_receive, diag}, -1, -1, -1};
	/* An open file of /proc/net keeps the namespace it was opened in. */
	source->protocols = open("/proc/thread-self/net/protocols", O_RDONLY | O_CLOEXEC);
	if (diag && mnl_socket_bind(diag, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    answers(&source->transport)) {
		/* Lets the kernel prepare replies ahead; we can do without what rmem_max
		 * forbids. */
		setsockopt(mnl_socket_get_fd(diag), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		return 0;
	}
	if (diag)
		mnl_socket_close(diag);
	source->transport.context = NULL;
	source->tcp = open("/proc/thread-self/net/tcp", O_RDONLY | O_CLOEXEC);
	source->tcp6 = open("/proc/thread-self/net/tcp6", O_RDONLY | O_CLOEXEC);
	if (source->tcp >= 0)
		return 0;
	return error_set(error, EXIT_CANNOT,
			 "neither sock_diag (%s) nor /proc/net/tcp (%s) lists the TCP sockets "
			 "here: mount /proc, or load the module with 'modprobe tcp_diag'",
			 strerror(reason), strerror(errno));
}

void source_close(struct source *source)
{
	const int fds[] = {source->tcp, source->tcp6, source->protocols};

	if (source->transport.context)
		mnl_socket_close(source->transport.context);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int walk_file(int fd, uint32_t states, const struct census_sink *sink, struct error *error)
{
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
	char *line = NULL;
	size_t room = 0;

	if (fd < 0)
		return 0; /* a kernel without IPv6 */
	if (!file) {
		if (copy >= 0)
			close(copy);
		return error_no_memory(error);
	}
	rewind(file);
	while (getline(&line, &room, file) > 0) {
		struct census_socket socket;

		if (census_procfs_parse(line, &socket) && states & STATE_BIT(socket.state))
			sink->socket(&socket, sink->data);
	}
	free(line);
	fclose(file);
	return 0;
}

bool source_has_mptcp(const char *protocols)
{
	for (const char *at = protocols; at; at = strchr(at, '\n')) {
		unsigned long sockets;

		at += *at == '\n';
		/* "MPTCPv6   2032      3       0   no       0   yes  kernel ..." */
		if (sscanf(at, "MPTCP %*u %lu", &sockets) == 1 && sockets)
			return true;
		if (sscanf(at, "MPTCPv6 %*u %lu", &sockets) == 1 && sockets)
			return true;
	}
	return false;
}

static bool has_mptcp(const struct source *source)
{
	char protocols[16384];

	return source->transport.context &&
	       read_again(source->protocols, protocols, sizeof(protocols)) > 0 &&
	       source_has_mptcp(protocols);
}

/* The listeners from sock_diag, the rest by BPF. */
static int dump_fast(const struct source *source, struct bpf_connections *connections,
		     uint32_t states, const struct census_sink *sink, bool *interrupted,
		     struct error *error)
{
	const int descriptor = mnl_socket_get_fd(source->transport.context);

	return census_dump(&source->transport, states & STATE_BIT(STATE_LISTEN), sink, interrupted,
			   error) < 0 ||
		       bpf_connections_list(connections, descriptor, states, sink)
		   ? -1
		   : 0;
}

int source_dump(const struct source *source, struct bpf_connections *connections, uint32_t states,
		const struct census_sink *sink, bool *interrupted, bool *mptcp, struct error *error)
{
	if (source->tcp >= 0) {
		*interrupted = *mptcp = false;
		sink->begin(sink->data);
		return walk_file(source->tcp, states, sink, error) < 0 ||
			       walk_file(source->tcp6, states, sink, error) < 0
			   ? -1
			   : 0;
	}
	*mptcp = has_mptcp(source);
	/* BPF knows neither subflows nor times. If it fails, the dump begins again. */
	if (connections && !*mptcp && !(states & CENSUS_TIMES) &&
	    dump_fast(source, connections, states, sink, interrupted, error) == 0)
		return 0;
	return census_dump(&source->transport, states | (*mptcp ? CENSUS_SUBFLOWS : 0), sink,
			   interrupted, error);
}

struct collection {
	const struct scope *scope;
	struct inodes *inodes;
	uint32_t number;
	bool no_memory;
};

static void collect(const struct census_socket *socket, void *data)
{
	struct collection *collection = data;
	struct inode_entry entry = inode_entry_of(socket, socket->port);

	entry.holder = collection->number;
	entry.flags |= scope_has(collection->scope, socket) ? 0 : INODE_SKIP;
	if (socket->inode && !inodes_find(collection->inodes, socket->inode))
		collection->no_memory |= inodes_add(collection->inodes, &entry) < 0;
}

int source_collect(const struct source *source, const struct scope *scope, uint32_t states,
		   uint32_t number, struct inodes *inodes, struct error *error)
{
	struct collection collection = {scope, inodes, number, false};
	const struct census_sink sink = {nothing, collect, &collection};
	bool interrupted, mptcp;

	/* The application's sockets first: a descriptor has their state, not a subflow's. */
	if (has_mptcp(source) && census_dump_mptcp(&source->transport, states, &sink, error) < 0)
		return -1;
	if (source_dump(source, NULL, states, &sink, &interrupted, &mptcp, error) < 0)
		return -1;
	return collection.no_memory ? error_no_memory(error) : 0;
}
