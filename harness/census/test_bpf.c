/* SPDX-License-Identifier: MIT */
/* What of the way by BPF needs no kernel: jumps, tables that ended while they were read, windows.
 */
#include "census/bpf.h"

#include <stdlib.h>
#include <string.h>

#include "census/code.h"
#include "common/test.h"

static void jumps_lead_to_what_follows(void **state)
{
	struct code code = {.count = 0};
	size_t jump = code_jump_if(&code, A1, BPF_JEQ, 7);
	size_t function = code_function(&code, A2); /* two instructions */

	(void)state;
	code_return(&code, 0); /* two again */
	code_land(&code, jump);
	code_begin(&code, function);
	assert_int_equal(code.count, 5);
	assert_int_equal(code.instruction[jump].off, 4);
	assert_int_equal(code.instruction[function].imm, 3);
	assert_int_equal(code.instruction[function].src_reg, 4); /* BPF_PSEUDO_FUNC */
}

static void what_does_not_fit_is_counted(void **state)
{
	struct code code = {.count = 0};
	size_t last = 0;

	(void)state;
	while (code.count <= CODE_ROOM)
		last = code_jump(&code);
	code_land(&code, last);
	assert_int_equal(code.count, CODE_ROOM + 1);
}

/* "h" a heading, "v" a void, digits descriptors. */
static void fill(struct records *records, const char *text)
{
	records->count = 0;
	for (; *text; text++) {
		struct record_heading heading = {.mark = {RECORD_HEADING, 0}};

		if (*text == 'h') {
			memcpy(&records->record[records->count], &heading, sizeof(heading));
			records->count += RECORDS_OF_HEADING;
		} else {
			records->record[records->count++].fd =
			    *text == 'v' ? RECORD_VOID : (unsigned int)(*text - '0');
		}
	}
}

static void tables_that_ended_are_left_out(void **state)
{
	static const struct {
		const char *listed, *kept;
	} cases[] = {
	    {"", ""}, {"h12", "h12"}, {"h1vh2", "h2"}, {"h1h234v", "h1"}, {"h1h2vh3vh45", "h1h45"},
	};
	struct record listed[128], kept[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct records records = {listed, 0, 128}, wanted = {kept, 0, 128};

		memset(listed, 0, sizeof(listed));
		memset(kept, 0, sizeof(kept));
		fill(&records, cases[i].listed);
		fill(&wanted, cases[i].kept);
		records_drop_void(&records);
		assert_int_equal(records.count, wanted.count);
		assert_memory_equal(listed, kept, wanted.count * sizeof(listed[0]));
	}
}

static void parts_of_a_process_follow_each_other(void **state)
{
	const uint32_t pids[] = {7, 3, 7, 9, 3};
	const size_t order[] = {1, 4, 0, 2, 3};
	struct record listed[128] = {0};
	struct records records = {listed, 0, 128};
	struct record_part *parts;
	size_t count;

	(void)state;
	fill(&records, "h1h2h3h4h5");
	for (size_t i = 0; i < 5; i++)
		memcpy((char *)(listed + i * (RECORDS_OF_HEADING + 1)) +
			   offsetof(struct record_heading, pid),
		       &pids[i], sizeof(pids[i]));
	parts = records_by_process(&records, &count);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(parts[i].pid, pids[order[i]]);
		assert_int_equal(parts[i].at, order[i] * (RECORDS_OF_HEADING + 1));
	}
	free(parts);
}

static size_t windows_of(size_t descriptors, size_t listed)
{
	struct window window = {.width = WINDOW};
	size_t count = 0;

	for (; window.first < descriptors / 64; count++)
		window_next(&window, listed);
	return count;
}

static void a_table_with_little_in_it_takes_few_windows(void **state)
{
	(void)state;
	assert_int_equal(windows_of(4000, 0), 1);
	assert_int_equal(windows_of(1 << 20, 2), 20);
	assert_int_equal(windows_of(1 << 20, 4000), 261);
	assert_int_equal(windows_of(1 << 30, 0), 4 + 16644); /* none is wider than WINDOW_WIDEST */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(jumps_lead_to_what_follows),
	    cmocka_unit_test(what_does_not_fit_is_counted),
	    cmocka_unit_test(tables_that_ended_are_left_out),
	    cmocka_unit_test(parts_of_a_process_follow_each_other),
	    cmocka_unit_test(a_table_with_little_in_it_takes_few_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
