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

static void a_table_counts_for_one_thread_of_a_process(void **state)
{
	static const struct {
		uint32_t pid, thread;
		uint64_t table;
		int again;
	} met[] = {
	    {7, 8, 1, 0}, {7, 9, 1, 1}, {7, 9, 2, 0}, /* without a leader; a table of its own */
	    {5, 5, 3, 0}, {5, 6, 3, 1},		      /* its leader has just ended */
	    {4, 4, 3, 0},			      /* another process, by CLONE_FILES */
	    {7, 8, 1, 0}, {5, 5, 3, 0}, {4, 4, 3, 0}, /* the next window */
	};
	struct shown shown = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
		const struct record_heading heading = {
		    .table = met[i].table, .pid = met[i].pid, .thread = met[i].thread};

		assert_int_equal(shown_again(&shown, &heading), met[i].again);
	}
	free(shown.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(jumps_lead_to_what_follows),
	    cmocka_unit_test(what_does_not_fit_is_counted),
	    cmocka_unit_test(tables_that_ended_are_left_out),
	    cmocka_unit_test(a_table_with_little_in_it_takes_few_windows),
	    cmocka_unit_test(a_table_counts_for_one_thread_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
