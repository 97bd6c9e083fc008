/* SPDX-License-Identifier: MIT */
/*
 * The kernel's answers to the census, and every count made from them.
 *
 * An input is a row of datagrams, each after its length in two bytes, little-endian. Some lengths
 * stand for what recv(2) may return instead. Messages with the sequence number 7, used by the
 * recorded dumps, get the number of the request.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "census/internal.h"
#include "fuzz/fuzz.h"

#define RECORDED_SEQUENCE 7
#define INTERRUPTED 0xffff /* EINTR */
#define OVERRUN 0xfffe	   /* ENOBUFS */

struct kernel {
	const uint8_t *bytes;
	size_t left;
	uint32_t sequence;
};

static ssize_t fuzz_send(void *context, const void *bytes, size_t length)
{
	struct kernel *kernel = context;

	kernel->sequence = ((const struct nlmsghdr *)bytes)->nlmsg_seq;
	return (ssize_t)length;
}

static void answer_the_request(const struct kernel *kernel, uint8_t *bytes, size_t left)
{
	struct nlmsghdr message;

	while (left >= sizeof(message)) {
		memcpy(&message, bytes, sizeof(message));
		if (message.nlmsg_seq == RECORDED_SEQUENCE)
			message.nlmsg_seq = kernel->sequence;
		memcpy(bytes, &message, sizeof(message));
		/* Check before aligning, which overflows. */
		if (message.nlmsg_len < sizeof(message) || message.nlmsg_len > left ||
		    NLMSG_ALIGN(message.nlmsg_len) > left)
			break;
		bytes += NLMSG_ALIGN(message.nlmsg_len);
		left -= NLMSG_ALIGN(message.nlmsg_len);
	}
}

static ssize_t fuzz_receive(void *context, void *buffer, size_t size)
{
	struct kernel *kernel = context;
	size_t length;

	if (kernel->left < 2) {
		errno = EIO;
		return -1;
	}
	length = kernel->bytes[0] | (size_t)kernel->bytes[1] << 8;
	kernel->bytes += 2;
	kernel->left -= 2;
	if (length == INTERRUPTED || length == OVERRUN) {
		errno = length == OVERRUN ? ENOBUFS : EINTR;
		return -1;
	}
	length = length < kernel->left ? length : kernel->left;
	length = length < size ? length : size;
	memcpy(buffer, kernel->bytes, length);
	answer_the_request(kernel, buffer, length);
	kernel->bytes += length;
	kernel->left -= length;
	return (ssize_t)length;
}

static void check_socket(const struct census_socket *socket, void *data)
{
	(void)data;
	MUST(socket->state >= 1 && socket->state < STATES);
	MUST(socket->family == AF_INET || socket->family == AF_INET6);
	if (socket->family == AF_INET)
		for (int i = 1; i < 4; i++)
			MUST(!socket->address[i] && !socket->peer[i]);
	MUST(census_classify(socket, false) != CENSUS_OWNED);
}

/* One datagram in memory of exactly its size. */
static void check_parse(const uint8_t *bytes, size_t size)
{
	struct census_reply reply = {0};
	char *copy = fuzz_text(bytes, size);
	enum census_parse result;

	copy = realloc(copy, size ? size : 1);
	MUST(copy);
	result = census_parse(copy, size, RECORDED_SEQUENCE, check_socket, NULL, &reply);
	MUST((result == CENSUS_KERNEL_ERROR) == (reply.error > 0));
	free(copy);
}

static void check_snapshot(const struct census_snapshot *snapshot)
{
	uint64_t rows[STATES] = {0}, classes[CENSUS_CLASSES] = {0};
	uint64_t accept_queue = 0;

	for (size_t i = 0; i < snapshot->row_count; i++) {
		const struct census_row *row = &snapshot->rows[i];
		uint64_t sum = 0;

		MUST(row->count && row->unread <= row->count);
		for (int class = 0; class < CENSUS_CLASSES; class ++)
			sum += row->by_class[class];
		MUST(sum == row->count);
		rows[row->state] += row->count;
	}
	for (int state = 0; state < STATES; state++) {
		uint64_t sum = 0;

		for (int class = 0; class < CENSUS_CLASSES; class ++) {
			sum += snapshot->by_class[state][class];
			classes[class] += snapshot->by_class[state][class];
		}
		MUST(sum == snapshot->states[state] && sum == rows[state]);
	}
	MUST(!memcmp(classes, snapshot->classes, sizeof(classes)));
	MUST(snapshot->unread <= snapshot->states[STATE_CLOSE_WAIT]);
	MUST(snapshot->listener_count == snapshot->states[STATE_LISTEN]);
	for (size_t i = 0; i < snapshot->listener_count; i++)
		accept_queue += snapshot->listeners[i].recv_queue;
	MUST(accept_queue == snapshot->accept_queue);
}

static void print(void (*print_one)(FILE *, const char *, const struct census_snapshot *),
		  const struct census_snapshot *snapshot)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	MUST(out);
	print_one(out, "server", snapshot);
	MUST(fclose(out) == 0 && length);
	free(text);
}

static void write_json(FILE *out, const char *host, const struct census_snapshot *snapshot)
{
	census_json_snapshot(&(struct json){.out = out}, host, snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	/* This keeps what a session keeps from one count to the next. */
	static struct census_host host = {.name = "server",
					  .snmp = -1,
					  .netstat = -1,
					  .sockstat = -1,
					  .sockstat6 = -1,
					  .port_range = -1};
	static struct census_window *window;
	static struct census_snapshot snapshot;
	const struct census_needs needs = {.states = ALL_STATES, .rows = true};
	struct kernel kernel = {.bytes = bytes, .left = size};
	struct census_host *hosts[] = {&host};
	struct census census = {.hosts = hosts, .host_count = 1};
	struct error error = {0};

	if (!window)
		window = census_window_new();
	MUST(window);
	census.window = window;
	host.source = (struct source){{fuzz_send, fuzz_receive, &kernel}, -1, -1, -1};
	check_parse(bytes, size);
	if (census_take(&census, &needs, &snapshot, &error) == 0) {
		check_snapshot(&snapshot);
		print(census_table, &snapshot);
		print(write_json, &snapshot);
	} else {
		MUST(error.code != EXIT_OK && fuzz_is_sentence(error.text));
	}
	return 0;
}
