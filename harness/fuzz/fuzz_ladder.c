/* SPDX-License-Identifier: MIT */
/*
 * Captures to ladders. An input is a row of parts, each after its length in two bytes,
 * little-endian: the census's timeline, then for each host its capture and the capture of what a
 * fault dropped there (empty: none). They are read from files, as by `wire ladder`.
 *
 * Everything read can be derived, shown and compared. States and marks are valid, and the output is
 * one ladder per group, the worst first.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "wire/filter.h"
#include "wire/list.h"
#include "wire/summary.h"

#define HOSTS 3

static char folder[64];

static void remove_folder(void)
{
	char path[128];

	for (int i = 0; i < HOSTS; i++) {
		snprintf(path, sizeof(path), "%s/%d.pcap", folder, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%d" WIRE_LOST ".pcap", folder, i);
		unlink(path);
	}
	rmdir(folder);
}

static void make_folder(void)
{
	if (folder[0])
		return;
	strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzzXXXXXX" : "/tmp/fuzzXXXXXX");
	MUST(mkdtemp(folder));
	atexit(remove_folder);
}

/* The next part of the input; false at its end. A truncated part is all that is left. */
static bool take(const uint8_t **bytes, size_t *left, const uint8_t **part, size_t *length)
{
	if (*left < 2)
		return false;
	*length = (*bytes)[0] | (size_t)(*bytes)[1] << 8;
	*length = *length < *left - 2 ? *length : *left - 2;
	*part = *bytes + 2;
	*bytes += 2 + *length;
	*left -= 2 + *length;
	return true;
}

static void write_file(const char *path, const uint8_t *bytes, size_t length)
{
	FILE *file = fopen(path, "wbe");

	MUST(file && fwrite(bytes, 1, length, file) == length);
	MUST(fclose(file) == 0);
}

static void check_state(int state)
{
	MUST(state >= 1 && state < STATES);
}

/* One that the packets may leave unknown. */
static void check_seen(int state)
{
	MUST(state == WIRE_NOT_SEEN || (state >= 1 && state < STATES));
}

static void check_ladder(const struct wire_ladders *ladders, const struct wire_group *group)
{
	struct wire_ladder ladder;

	MUST(wire_ladder_of(ladders, group->first, &ladder) == 0);
	MUST(ladder.rungs <= WIRE_RUNGS && ladder.rungs <= ladder.connection->count);
	for (size_t i = 0; i < ladder.connection->count; i++) {
		MUST(!(ladder.steps[i].marks >> WIRE_MARKS));
		check_seen(ladder.steps[i].state[WIRE_CLIENT]);
		check_seen(ladder.steps[i].state[WIRE_SERVER]);
	}
	for (size_t i = 0; i < ladder.rungs; i++)
		MUST(ladder.rung[i] < ladder.connection->count);
	check_seen(ladder.ends[WIRE_CLIENT]);
	check_seen(ladder.ends[WIRE_SERVER]);
	wire_ladder_clear(&ladder);
}

static void check_ladders(const struct wire_ladders *ladders)
{
	uint64_t connections = 0;
	long count[WIRE_HOSTS][STATES] = {0};

	MUST(ladders->groups <= WIRE_GROUPS);
	for (size_t i = 0; i < ladders->groups; i++) {
		MUST(ladders->group[i].connections > 0);
		/* The last one may be there because it is the most numerous. */
		MUST(i == 0 || i + 1 == ladders->groups ||
		     ladders->group[i].badness <= ladders->group[i - 1].badness);
		connections += ladders->group[i].connections;
		check_ladder(ladders, &ladders->group[i]);
	}
	MUST(connections <= ladders->store.connections);
	MUST(ladders->summary->connections + ladders->partial + ladders->filtered <=
	     ladders->store.connections);
	for (size_t i = 0; i < ladders->change_count; i++) {
		const struct wire_change *change = &ladders->changes[i];

		MUST(change->host < ladders->hosts);
		check_state(change->state);
		MUST(i == 0 || change->time >= ladders->changes[i - 1].time);
		count[change->host][change->state] += change->by;
	}
	for (size_t host = 0; host < ladders->hosts; host++)
		for (int state = 1; state < STATES; state++)
			MUST(count[host][state] >= 0);
}

static void compare(struct wire_ladders *ladders, char *timeline)
{
	struct wire_sample samples[64];
	size_t count = 0;

	for (char *line; count < 64 && (line = strsep(&timeline, "\n"));)
		count += wire_sample_parse(line, ladders, &samples[count]) == 0;
	for (size_t i = 0; i < count; i++)
		MUST(samples[i].host >= 0 && (size_t)samples[i].host < ladders->hosts);
	if (count && samples[count - 1].time > ladders->rules.until)
		ladders->rules.until = samples[count - 1].time;
	MUST(wire_ladders_make(ladders) == 0);
	check_ladders(ladders);
	MUST(!count || wire_compare(ladders, samples, count) == 0);
	MUST(ladders->disagreements <= WIRE_DISAGREEMENTS);
}

static void show(struct wire_ladders *ladders)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	MUST(out);
	wire_json(out, ladders, true);
	wire_text(out, ladders, (struct wire_look){.width = WIRE_WIDE, .ascii = true});
	wire_text(out, ladders, (struct wire_look){.width = WIRE_NARROW, .verbose = true});
	MUST(wire_list(out, ladders, true) == 0);
	MUST(wire_list(out, ladders, false) == 0);
	MUST(fclose(out) == 0 && length);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static char path[HOSTS][128];
	struct wire_summary summary = {0};
	struct wire_ladders ladders = {.whole = true, .summary = &summary, .losses = true};
	struct error error = {0};
	const uint8_t *part;
	size_t length;
	char *timeline;

	if (!take(&bytes, &size, &part, &length))
		return 0;
	timeline = fuzz_text(part, length);
	make_folder();
	while (ladders.hosts < HOSTS && take(&bytes, &size, &part, &length)) {
		size_t n = ladders.hosts++;
		char lost[128];

		snprintf(ladders.host[n].name, WIRE_NAME, "%s", n ? "server" : "client");
		snprintf(path[n], sizeof(path[n]), "%s/%zu.pcap", folder, n);
		snprintf(lost, sizeof(lost), "%s/%zu" WIRE_LOST ".pcap", folder, n);
		ladders.host[n].path = path[n];
		write_file(path[n], part, length);
		unlink(lost);
		if (take(&bytes, &size, &part, &length) && length)
			write_file(lost, part, length);
	}
	ladders.rules.infer_losses = ladders.hosts == 1;
	if (ladders.hosts && wire_read(&ladders, &error) == 0) {
		ladders.rules.until = ladders.store.last;
		compare(&ladders, timeline);
		show(&ladders);
	} else {
		MUST(!ladders.hosts || (error.code != EXIT_OK && fuzz_is_sentence(error.text)));
	}
	summary_clear(&summary);
	wire_ladders_clear(&ladders);
	free(timeline);
	return 0;
}
