/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The part of the program of iterator.c that runs for each task: its heading, and the window. */
#include "census/iterator_parts.h"

/* struct bpf_iter__task of the kernel: what the program is given, in A1. */
struct context {
	uint64_t meta, task;
};

enum { TASK = BPF_REG_6, TABLE, SCRATCH, NUMBER_AT };

/*
 * Numbers of processes in our pid namespace: the reader is the current task, and its own pid shows
 * how deep that namespace lies. NUMBER_AT: where each struct pid has it.
 */
static void find_number(struct writing *w)
{
	code_call(w->code, BPF_FUNC_get_current_task_btf);
	fetch(w, BPF_DW, A3, RESULT, TASK_PID);
	fetch(w, BPF_W, NUMBER_AT, A3, PID_LEVEL);
	code_with(w->code, BPF_MUL, NUMBER_AT, offset_of(w, UPID_SIZE));
	code_with(w->code, BPF_ADD, NUMBER_AT,
		  offset_of(w, PID_NUMBERS) + offset_of(w, UPID_NUMBER));
}

/* The number of a task; 0 when it is not in our namespace. */
static void store_number(struct writing *w, int offset, int task)
{
	fetch(w, BPF_DW, A3, task, TASK_PID);
	code_with_register(w->code, BPF_ADD, A3, NUMBER_AT);
	copy(w, offset, sizeof(uint32_t));
}

static void store_netns(struct writing *w)
{
	size_t none;

	code_set(w->code, A1, 0);
	code_store(w->code, BPF_DW, FRAME, IN_HEADING(netns), A1); /* and what is unused */
	fetch(w, BPF_DW, A3, TASK, TASK_NAMESPACES);
	none = code_jump_if(w->code, A3, BPF_JEQ, 0);
	fetch(w, BPF_DW, A3, A3, NAMESPACES_NET);
	code_with(w->code, BPF_ADD, A3, offset_of(w, NET_COMMON) + offset_of(w, COMMON_NUMBER));
	copy(w, IN_HEADING(netns), sizeof(uint32_t));
	code_land(w->code, none);
}

static void store_heading(struct writing *w)
{
	code_set(w->code, A1, (int)RECORD_HEADING);
	code_store(w->code, BPF_DW, FRAME, IN_HEADING(mark), A1); /* both halves */
	code_store(w->code, BPF_DW, FRAME, IN_HEADING(table), TABLE);
	find_number(w);
	store_number(w, IN_HEADING(thread), TASK);
	fetch(w, BPF_DW, SCRATCH, TASK, TASK_LEADER);
	store_number(w, IN_HEADING(pid), SCRATCH);
	copy_field(w, IN_HEADING(name), sizeof(((struct record_heading *)0)->name), SCRATCH,
		   TASK_NAME);
	store_netns(w);
}

/* Fill the window from the table, or end when the table has nothing there. */
static void open_window(struct writing *w)
{
	enum { WINDOW_AT = NUMBER_AT, ARRAYS = SCRATCH };
	size_t fits;

	code_map_value(w->code, WINDOW_AT, w->map);
	fetch(w, BPF_DW, ARRAYS, TABLE, TABLE_ARRAYS);
	fetch(w, BPF_W, A1, ARRAYS, ARRAYS_ROOM);
	code_with(w->code, BPF_RSH, A1, 6);
	code_load(w->code, BPF_W, A2, WINDOW_AT, IN_WINDOW(first));
	end_if_register(w, A1, BPF_JLE, A2);
	code_with_register(w->code, BPF_SUB, A1, A2);
	code_load(w->code, BPF_W, A2, WINDOW_AT, IN_WINDOW(width));
	fits = code_jump_if_register(w->code, A1, BPF_JLE, A2);
	code_move(w->code, A1, A2);
	code_store(w->code, BPF_W, WINDOW_AT, IN_WINDOW(more), A1);
	code_land(w->code, fits);
	code_store(w->code, BPF_W, WINDOW_AT, IN_WINDOW(words), A1);
	fetch(w, BPF_DW, A1, ARRAYS, ARRAYS_FILES);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(files), A1);
	fetch(w, BPF_DW, A1, ARRAYS, ARRAYS_OPEN);
	code_load(w->code, BPF_W, A2, WINDOW_AT, IN_WINDOW(first));
	code_with(w->code, BPF_LSH, A2, 3);
	code_with_register(w->code, BPF_ADD, A1, A2);
	code_store(w->code, BPF_DW, WINDOW_AT, IN_WINDOW(open), A1);
	code_set(w->code, A1, 0);
	code_store(w->code, BPF_W, WINDOW_AT, IN_WINDOW(headed), A1);
}

static size_t look_at_words(struct writing *w)
{
	enum { WINDOW_AT = NUMBER_AT };

	code_map_value(w->code, WINDOW_AT, w->map);
	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(words));
	point(w, SCRATCH, FRAME_AT);
	return loop(w, SCRATCH);
}

/* A table that is not the task's any more may have ended at any time since. */
static void write_void(struct writing *w)
{
	enum { WINDOW_AT = NUMBER_AT };

	fetch(w, BPF_DW, A1, TASK, TASK_TABLE);
	end_if_register(w, A1, BPF_JEQ, TABLE);
	code_map_value(w->code, WINDOW_AT, w->map);
	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(headed));
	end_if(w, A1, BPF_JEQ, 0);
	code_load(w->code, BPF_W, A1, WINDOW_AT, IN_WINDOW(voids));
	code_with(w->code, BPF_ADD, A1, 1);
	code_store(w->code, BPF_W, WINDOW_AT, IN_WINDOW(voids), A1);
	code_set(w->code, A1, (int)RECORD_VOID);
	code_store(w->code, BPF_W, FRAME, IN_HEADING(mark.fd), A1);
	point(w, A2, IN_HEADING(mark));
	report(w, FRAME, FRAME_AT + IN_FRAME(seq), sizeof(struct record));
}

size_t write_main(struct writing *w)
{
	size_t leads, word;

	code_load(w->code, BPF_DW, TASK, A1, (int)offsetof(struct context, task));
	end_if(w, TASK, BPF_JEQ, 0);
	code_load(w->code, BPF_DW, A1, A1, (int)offsetof(struct context, meta));
	code_load(w->code, BPF_DW, A1, A1, 0); /* meta->seq, the first member since Linux 5.8 */
	code_store(w->code, BPF_DW, FRAME, FRAME_AT + IN_FRAME(seq), A1);
	fetch(w, BPF_DW, TABLE, TASK, TASK_TABLE);
	end_if(w, TABLE, BPF_JEQ, 0);
	fetch(w, BPF_DW, A3, TASK, TASK_LEADER);
	leads = code_jump_if_register(w->code, TASK, BPF_JEQ, A3);
	fetch(w, BPF_DW, A1, A3, TASK_TABLE);
	end_if_register(w, TABLE, BPF_JEQ, A1);
	code_land(w->code, leads);
	open_window(w);
	store_heading(w);
	word = look_at_words(w);
	write_void(w);
	end(w);
	return word;
}
