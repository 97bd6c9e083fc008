/* SPDX-License-Identifier: MIT */
/*
 * From the segments of one connection to the states of both ends, in the order of what happened:
 * a segment acts on its sender when it leaves, and on the other end when it arrives. So segments
 * that cross on the way come out right. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/machine.h"

#define LOOK_BACK 64 /* segments among which the first copy of a retransmission is looked for */

struct event {
	int64_t time;
	uint32_t segment;
	bool arrival;
};

struct course {
	const struct wire_connection *connection;
	struct machine end[2];
	wire_moved_fn *moved;
	void *data;
};

static int by_time(const void *one, const void *other)
{
	const struct event *a = one, *b = other;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	return (int)a->arrival - (int)b->arrival;
}

/* Whether it connects one socket with itself. */
static bool is_self(const struct wire_connection *connection)
{
	return packet_same_end(&connection->end[0], &connection->end[1]);
}

/* Of a socket connected with itself both ends are one. */
static struct machine *machine_of(struct course *course, int end)
{
	return &course->end[is_self(course->connection) ? WIRE_CLIENT : end];
}

static void tell(struct course *course, int end, int64_t time, int before)
{
	int after = machine_of(course, end)->state;

	if (after != before && course->moved)
		course->moved(course->data, is_self(course->connection) ? WIRE_CLIENT : end, time,
			      before, after);
}

static void set(struct course *course, int end, int64_t time, int state)
{
	struct machine *machine = machine_of(course, end);
	int before = machine->state;

	machine->state = state;
	tell(course, end, time, before);
}

/* What happens without a segment up to @time: TIME_WAIT is over, a new connection takes its place.
 */
static void pass_time(struct course *course, int64_t time)
{
	for (int end = 0; end < 2; end++) {
		struct machine *machine = machine_of(course, end);
		int64_t replaced = course->connection->replaced[end];
		int64_t over = machine->waits_since + TIME_WAIT_LASTS;

		if (replaced != WIRE_NEVER && replaced <= time && machine->state != STATE_CLOSED)
			set(course, end, replaced, STATE_CLOSED);
		if (machine->state == STATE_TIME_WAIT && over <= time)
			set(course, end, over, STATE_CLOSED);
	}
}

/*
 * Where nothing tells what a fault dropped: a segment did not arrive if its numbers were sent again
 * and nobody had acknowledged them in between.
 */
static void infer_losses(const struct wire_connection *c, struct wire_step *steps)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *again = &c->segments[i];
		uint32_t length = again->length + !!(again->flags & (TCP_SYN | TCP_FIN));

		for (size_t j = i; length && j > 0 && i - j < LOOK_BACK; j--) {
			const struct wire_segment *s = &c->segments[j - 1];

			if (s->from != again->from) {
				if (s->flags & TCP_ACK &&
				    (int32_t)(s->ack - again->seq - length) >= 0)
					break;
				continue;
			}
			if (s->seq == again->seq && s->length && s->length == again->length)
				steps[j - 1].marks |= WIRE_IS_LOST;
			else if (s->seq == again->seq && !s->length && !again->length &&
				 (s->flags & again->flags & (TCP_SYN | TCP_FIN)))
				steps[j - 1].marks |= WIRE_IS_LOST;
			else
				continue;
			break;
		}
	}
}

/* What is known of a segment before any state is: whether it came from TCP, and whether it arrived.
 */
static void mark(const struct wire_connection *c, const struct wire_rules *rules,
		 struct wire_step *steps)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (s->lost || s->arrived == WIRE_NEVER)
			/* where the other end has no tap, nobody knows whether it arrived */
			steps[i].marks |= s->lost || c->host[!s->from] >= 0 ? WIRE_IS_LOST : 0;
		if (s->twice)
			steps[i].marks |= WIRE_DUPLICATE;
		else if (s->replayed || s->sent == WIRE_NEVER)
			steps[i].marks |= WIRE_INJECTED;
	}
	if (rules->infer_losses)
		infer_losses(c, steps);
}

static void send(struct course *course, const struct wire_segment *s, struct wire_step *step)
{
	struct machine *machine = machine_of(course, s->from);
	int before = machine->state;

	if (s->sent != WIRE_NEVER && !s->replayed)
		step->marks |= machine_send(machine, s);
	tell(course, s->from, s->sent, before);
}

static void receive(struct course *course, const struct wire_segment *s, struct wire_step *step,
		    int64_t time)
{
	struct machine *machine = machine_of(course, !s->from);
	int before = machine->state;

	step->marks |= machine_receive(machine, s, time);
	if (before == STATE_ESTABLISHED && machine->state == STATE_CLOSING) { /* unaware */
		machine->state = STATE_FIN_WAIT1;
		tell(course, !s->from, time, before);
		before = STATE_FIN_WAIT1;
		machine->state = STATE_CLOSING;
	}
	tell(course, !s->from, time, before);
}

/* The segment that opened the connection is processed when the answer leaves. */
static void show_answered(const struct wire_connection *c, size_t answer, struct wire_step *steps)
{
	for (size_t i = answer; i > 0; i--) {
		const struct wire_segment *s = &c->segments[i - 1];

		if (s->from != c->segments[answer].from && s->flags & TCP_SYN &&
		    !(steps[i - 1].marks & WIRE_IS_LOST)) {
			steps[i - 1].state[!s->from] = STATE_SYN_RECEIVED;
			return;
		}
	}
}

/*
 * Whether an end sent its FIN before it knew of the other's, by what it acknowledged with it. Then
 * it had closed when that arrived, even if its own FIN left later: the tap sees a segment before
 * TCP does, and a host can keep back what it sends.
 */
static bool is_unaware(const struct wire_connection *c, int end)
{
	const struct wire_segment *fin[2] = {NULL, NULL};

	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];

		if (s->flags & TCP_FIN && s->sent != WIRE_NEVER && !s->replayed && !fin[s->from])
			fin[s->from] = s;
	}
	return fin[end] && fin[!end] && fin[end]->flags & TCP_ACK &&
	       fin[end]->ack != fin[!end]->seq + fin[!end]->length + 1;
}

int wire_derive(const struct wire_connection *c, const struct wire_rules *rules,
		struct wire_step *steps, uint8_t ends[2], wire_moved_fn *moved, void *data)
{
	struct course course = {.connection = c, .moved = moved, .data = data};
	struct event *events = calloc(2 * c->count + 1, sizeof(*events));
	size_t count = 0;

	if (!events)
		return -1;
	memset(steps, 0, c->count * sizeof(*steps));
	mark(c, rules, steps);
	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];
		int64_t sent = s->sent != WIRE_NEVER ? s->sent : s->arrived;

		events[count++] = (struct event){sent, (uint32_t)i, false};
		if (!(steps[i].marks & WIRE_IS_LOST))
			events[count++] = (struct event){
			    s->arrived != WIRE_NEVER ? s->arrived : sent, (uint32_t)i, true};
	}
	qsort(events, count, sizeof(*events), by_time);
	for (int end = 0; end < 2; end++) {
		course.end[end].state = STATE_CLOSED;
		course.end[end].assassinable =
		    c->host[end] < 0 || !(rules->rfc1337 & 1u << c->host[end]);
		course.end[end].unaware = is_unaware(c, end);
	}
	for (size_t i = 0; i < count; i++) {
		const struct wire_segment *s = &c->segments[events[i].segment];
		struct wire_step *step = &steps[events[i].segment];

		pass_time(&course, events[i].time);
		if (events[i].arrival) {
			receive(&course, s, step, events[i].time);
			step->state[!s->from] = (uint8_t)machine_of(&course, !s->from)->state;
			continue;
		}
		send(&course, s, step);
		step->state[s->from] = (uint8_t)machine_of(&course, s->from)->state;
		step->state[!s->from] = (uint8_t)machine_of(&course, !s->from)->state;
		if ((s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
		    step->state[s->from] == STATE_SYN_RECEIVED)
			show_answered(c, events[i].segment, steps);
	}
	pass_time(&course, rules->until);
	for (int end = 0; end < 2; end++)
		ends[end] = (uint8_t)machine_of(&course, end)->state;
	for (size_t i = 0; i < c->count; i++)
		if (c->segments[i].flags & TCP_RST && !(steps[i].marks & WIRE_REFUSED))
			steps[i].marks |= WIRE_RESET;
	free(events);
	return 0;
}
