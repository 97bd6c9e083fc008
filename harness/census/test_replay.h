/* SPDX-License-Identifier: MIT */
/* A census of one host, with a kernel that only replays datagrams. */
#ifndef CENSUS_TEST_REPLAY_H
#define CENSUS_TEST_REPLAY_H

#include "census/test_common.h"

struct replay {
	const unsigned char *bytes;
	size_t length;
	uint32_t sequence, states;
};

static inline ssize_t replay_send(void *context, const void *bytes, size_t length)
{
	struct replay *replay = context;
	const struct inet_diag_req *wanted = NLMSG_DATA((const struct nlmsghdr *)bytes);

	replay->sequence = ((const struct nlmsghdr *)bytes)->nlmsg_seq;
	replay->states = wanted->idiag_states;
	return (ssize_t)length;
}

/* Like the kernel, answer with the request's sequence number. */
static inline ssize_t replay_receive(void *context, void *buffer, size_t size)
{
	struct replay *replay = context;

	assert_true(replay->length <= size);
	memcpy(buffer, replay->bytes, replay->length);
	for (size_t at = 0; at < replay->length;) {
		struct nlmsghdr *message = (void *)((unsigned char *)buffer + at);

		message->nlmsg_seq = replay->sequence;
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
	return (ssize_t)replay->length;
}

struct fixture {
	struct census *census;
	struct replay replay;
	struct datagram datagram;
	struct census_snapshot snapshot;
};

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct census_host *host = calloc(1, sizeof(*host));

	host->snmp = host->netstat = host->sockstat = host->sockstat6 = host->port_range = -1;
	host->source = (struct source){{replay_send, replay_receive, &fixture->replay}, -1, -1, -1};
	fixture->census = census_new();
	fixture->census->hosts = calloc(1, sizeof(*fixture->census->hosts));
	fixture->census->hosts[0] = host;
	fixture->census->host_count = 1;
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	fixture->census->hosts[0]->source.transport.context = NULL; /* no netlink socket to close */
	census_free(fixture->census);
	census_snapshot_clear(&fixture->snapshot);
	free(fixture);
	return 0;
}

static inline struct census_snapshot *take(struct fixture *fixture, struct census_needs needs)
{
	struct error error = {0};

	if (fixture->datagram.length)
		fixture->replay = (struct replay){.bytes = fixture->datagram.bytes,
						  .length = fixture->datagram.length};
	if (census_take(fixture->census, &needs, &fixture->snapshot, &error) < 0)
		fail_msg("%s", error.text);
	return &fixture->snapshot;
}

#define COUNTED                                                                                    \
	(struct census_needs)                                                                      \
	{                                                                                          \
		.states = ALL_STATES, .rows = true, .remotes = true                                \
	}

#endif
