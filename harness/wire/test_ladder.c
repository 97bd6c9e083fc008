/* SPDX-License-Identifier: MIT */
/* Groups, the comparison with the census, and files that are cut short or altered. */
#include "wire/filter.h"
#include "wire/test_common.h"

#include <pcap/pcap.h>
#include <unistd.h>

#include "common/test_packets.h"

static const struct told opened[] = {{0, 1, 'c', "S", 0, 0, 0, 0, false},
				     {2, 3, 's', "SA", 0, 1, 0, -1, false},
				     {4, 5, 'c', "A", 1, 1, 0, 0, false}};

/* One connection that stays open, seen for a second; times are in ms. */
static void make(struct wire_ladders *l, bool whole, int64_t since)
{
	static struct wire_filter filter;

	filter.since = since;
	*l = (struct wire_ladders){.host = {{.name = "client"}, {.name = "server"}},
				   .hosts = 2,
				   .whole = whole,
				   .filter = &filter};
	wire_store_init(&l->store, false);
	tell_store(&l->store, opened, sizeof(opened) / sizeof(opened[0]));
	l->rules.until = 1000ll * MS;
	assert_int_equal(wire_ladders_make(l), 0);
}

static void groups(void **state)
{
	struct wire_ladders l;

	(void)state;
	make(&l, true, 0);
	assert_int_equal(l.groups, 1);
	assert_int_equal(l.group[0].connections, 1);
	assert_int_equal(l.change_count, 3 + 3); /* SYN_SENT, not it, ESTABLISHED; as the other */
	wire_ladders_clear(&l);
	make(&l, true, 1 * MS); /* it began earlier: in no group, but counted */
	assert_int_equal(l.groups, 0);
	assert_int_equal(l.change_count, 3 + 3);
	wire_ladders_clear(&l);
}

static void samples(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "{\"time\":",
	    "{\"time\":1,\"host\":\"other\",\"states\":{}}",
	    "{\"time\":1,\"host\":\"client\",\"states\":{\"LISTEN\"",
	    "{\"time\":1,\"host\":\"client\",\"states\":{\"LISTEN\":1"};
	struct wire_ladders l;
	struct wire_sample sample;

	(void)state;
	make(&l, true, 0);
	assert_int_equal(
	    wire_sample_parse("{\"time\":17.000250,\"host\":\"server\",\"states\":{\"LISTEN\":1,"
			      "\"CLOSE_WAIT\":100}}\n",
			      &l, &sample),
	    0);
	assert_int_equal(sample.time, 17000250000);
	assert_int_equal(sample.host, 1);
	assert_int_equal(sample.states[STATE_CLOSE_WAIT], 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(wire_sample_parse(bad[i], &l, &sample), -1);
	wire_ladders_clear(&l);
}

/* What the census saw at the server from some ms on, and the resulting disagreement. */
static void compared(void **state)
{
	static const struct {
		int state, from, to;
		const char *wanted;
	} cases[] = {
	    {STATE_ESTABLISHED, 5, 1000, ""},
	    {STATE_ESTABLISHED, 90, 1000, ""}, /* a late look */
	    {STATE_ESTABLISHED, 5, 300, "the packets show 1 ESTABLISHED, the census saw none"},
	    {STATE_CLOSE_WAIT, 500, 505, "the census saw 1 CLOSE_WAIT, the packets show none"},
	};
	char text[160];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_sample seen[4] = {{.host = 1},
					      {.host = 1, .time = cases[i].from * (int64_t)MS},
					      {.host = 1, .time = cases[i].to * (int64_t)MS},
					      {.host = 0, .time = 5 * MS}};
		struct wire_ladders l;

		seen[1].states[cases[i].state] = 1;
		seen[3].states[STATE_ESTABLISHED] = 1;
		if (cases[i].state != STATE_ESTABLISHED)
			for (int j = 0; j < 3; j++)
				seen[j].states[STATE_ESTABLISHED] = 1;
		make(&l, true, 0);
		assert_int_equal(wire_compare(&l, seen, 4), 0);
		assert_int_equal(l.disagreements, *cases[i].wanted ? 1 : 0);
		if (l.disagreements) {
			wire_disagreement_text(&l.disagreement[0], text, sizeof(text));
			assert_string_equal(text, cases[i].wanted);
			assert_int_equal(l.disagreement[0].host, 1);
		}
		wire_ladders_clear(&l);
	}
}

/* The census may see anything of connections that were not kept. */
static void not_whole(void **state)
{
	struct wire_sample seen[] = {{.host = 1, .time = 5 * MS}, {.host = 0, .time = 5 * MS}};
	struct wire_ladders l;

	(void)state;
	seen[0].states[STATE_ESTABLISHED] = seen[1].states[STATE_ESTABLISHED] = 50;
	make(&l, false, 0);
	assert_int_equal(wire_compare(&l, seen, 2), 0);
	assert_int_equal(l.disagreements, 0);
	wire_ladders_clear(&l);
}

static size_t write_capture(const char *path)
{
	pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
	pcap_dumper_t *dump = pcap_dump_open(dead, path);
	size_t size;

	assert_non_null(dump);
	for (size_t i = 0; i < PACKETS; i++) {
		struct pcap_pkthdr head = {.ts = {1700000000, (suseconds_t)i},
					   .caplen = (bpf_u_int32)packets[i].length,
					   .len = (bpf_u_int32)packets[i].length};

		pcap_dump((u_char *)dump, &head, packets[i].packet);
	}
	size = (size_t)pcap_dump_ftell(dump);
	pcap_dump_close(dump);
	pcap_close(dead);
	return size;
}

/* Read a file of these bytes. Returns the connections found, -1 if it was refused. */
static long read_bytes(const char *path, const uint8_t *bytes, size_t size)
{
	struct wire_ladders l = {.hosts = 1, .host = {{.name = "capture", .path = path}}};
	struct error error = {0};
	FILE *file = fopen(path, "wb");
	FILE *out = fopen("/dev/null", "w");
	long result = -1;

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	if (wire_read(&l, &error) == 0 && wire_ladders_make(&l) == 0) {
		result = (long)l.store.connections;
		wire_json(out, &l, false);
		wire_text(out, &l, (struct wire_look){.width = WIRE_WIDE});
	}
	assert_int_equal(result < 0, error.text[0] != '\0');
	wire_ladders_clear(&l);
	fclose(out);
	return result;
}

/* A file cut or altered anywhere is refused with a sentence, or read as far as it is valid. */
static void broken_files(void **state)
{
	char path[] = "/tmp/wire-test-XXXXXX";
	uint8_t bytes[512];
	FILE *file;
	size_t size;

	(void)state;
	close(mkstemp(path));
	size = write_capture(path);
	file = fopen(path, "rb");
	assert_non_null(file);
	assert_true(size <= sizeof(bytes));
	assert_int_equal(fread(bytes, 1, size, file), size);
	fclose(file);
	assert_int_equal(read_bytes(path, bytes, size), 2);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(read_bytes(path, bytes, cut), cut < 24			   ? -1
							       : cut < 24 + 16 + IPV4_SIZE ? 0
											   : 1);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(read_bytes(path, bytes, size) <= 2);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(groups),	 cmocka_unit_test(samples),	 cmocka_unit_test(compared),
	    cmocka_unit_test(not_whole), cmocka_unit_test(broken_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
