/* SPDX-License-Identifier: MIT */
/* Descriptors that are shared, copied and inherited; stacks that are stored once. */
#include "blame/internal.h"

#include <linux/sched.h>

#include "common/test.h"

static void a_socket_lives_as_long_as_a_descriptor(void **state)
{
	struct table *table = table_new(), *copy;
	struct socket *socket = socket_new(77);

	(void)state;
	assert_int_equal(table_set(table, 300, socket), 0); /* the table grows */
	assert_ptr_equal(table_get(table, 300), socket);
	assert_null(table_get(table, 299));
	assert_null(table_get(table, -1));
	assert_null(table_get(table, 1 << 20));
	copy = table_copy(table);
	table_set(table, 300, NULL);
	assert_false(table_holds(table));
	assert_ptr_equal(socket_find(77), socket); /* the copy has it */
	table_leave(copy);
	assert_null(socket_find(77));
	table_leave(table);
	assert_int_equal(socket_count(), 0);
}

static void a_descriptor_is_used_again(void **state)
{
	struct table *table = table_new();

	(void)state;
	table_set(table, 5, socket_new(1));
	table_set(table, 5, socket_new(2)); /* dup2(2) closes what was there */
	assert_null(socket_find(1));
	assert_non_null(socket_find(2));
	table_leave(table);
}

static void many_sockets(void **state)
{
	enum { MANY = 5000 };
	struct table *table = table_new();

	(void)state;
	for (int i = 1; i <= MANY; i++)
		table_set(table, i, socket_new((uint32_t)i * 1024));
	for (uint32_t i = 1; i <= MANY; i++)
		assert_int_equal(socket_find(i * 1024)->inode, i * 1024);
	assert_null(socket_find(1));
	assert_int_equal(socket_count(), MANY);
	table_leave(table);
	assert_int_equal(socket_count(), 0);
}

/* A thread shares a table; a child has a copy, and its contents are known to be inherited. */
static void threads_and_children(void **state)
{
	struct task *parent = task_get(100), *thread = task_get(101), *child = task_get(200);
	struct touch touch = {.ms = 9, .happened = true};
	struct socket *socket = socket_new(77);

	(void)state;
	assert_int_equal(task_begin(parent), 0);
	table_set(parent->table, 4, socket);
	assert_int_equal(task_fork(parent, thread, CLONE_THREAD | CLONE_FILES | CLONE_VM, &touch),
			 0);
	assert_int_equal(thread->process, 100);
	assert_ptr_equal(thread->table, parent->table);
	assert_ptr_equal(thread->maps, parent->maps);
	assert_null(socket->shared);

	assert_int_equal(task_fork(parent, child, 0, &touch), 0);
	assert_int_equal(child->process, 200);
	assert_int_equal(child->table->forked.ms, 9);
	assert_int_equal(parent->table->forked.ms, 9);
	assert_null(socket->shared); /* nobody has closed it yet */
	table_set(parent->table, 4, NULL);
	assert_ptr_equal(table_get(child->table, 4), socket);

	assert_int_equal(task_unshare(thread), 0);
	assert_ptr_not_equal(thread->table, parent->table);
	task_end(parent);
	task_end(thread);
	assert_int_equal(socket_count(), 1);
	task_end(child);
	assert_int_equal(socket_count(), 0);
	assert_int_equal(task_count(), 0);
}

static void a_stack_is_kept_once(void **state)
{
	struct frame frames[] = {{0x10, 1}, {0x20, 1}, {0x30, 2}};
	uint32_t number = stack_number(frames, 3);

	(void)state;
	assert_int_not_equal(number, 0);
	assert_int_equal(stack_number(frames, 3), number);
	assert_int_not_equal(stack_number(frames, 2), number);
	assert_int_equal(stack_at(number)->count, 3);
	assert_int_equal(stack_at(number)->frame[2].address, 0x30);
	frames[2].module = 1;
	assert_int_not_equal(stack_number(frames, 3), number);
	assert_int_equal(stack_number(frames, 0), 0);
}

static void too_many_stacks(void **state)
{
	struct frame frame = {0x1000, 1};
	uint32_t first = stack_number(&frame, 1);

	(void)state;
	while (stack_count() < STACKS_MOST) {
		uint32_t before = stack_count();

		frame.address++;
		assert_int_equal(stack_number(&frame, 1), before + 1);
	}
	frame.address++;
	assert_int_equal(stack_number(&frame, 1), 0); /* unknown, and no memory is allocated */
	frame.address = 0x1000;
	assert_int_equal(stack_number(&frame, 1), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_socket_lives_as_long_as_a_descriptor),
	    cmocka_unit_test(a_descriptor_is_used_again),
	    cmocka_unit_test(many_sockets),
	    cmocka_unit_test(threads_and_children),
	    cmocka_unit_test(a_stack_is_kept_once),
	    cmocka_unit_test(too_many_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
