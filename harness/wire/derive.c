/* SPDX-License-Identifier: MIT */
/*
 * Derives the states of both ends from the segments of one connection, in the order of events. A
 * segment acts on its sender when it leaves, and on the other end when it arrives, so segments that
 * cross come out right. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/evidence.h"
#include "wire/losses.h"
#include "wire/machine.h"

#define FAR (1u << 30) /* a number this far ahead belongs to another connection */

struct event {
	int64_t time;
	uint32_t segment;
	bool arrival;
};

struct course {
	const struct wire_connection *connection;
	struct evidence evidence;
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

/* Whether the connection joins one socket to itself. */
static bool is_self(const struct wire_connection *connection)
{
	return packet_same_end(&connection->end[0], &connection->end[1]);
}

/* A socket connected to itself is both ends. */
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

/* What happens up to @time without a segment: TIME_WAIT ends, a new connection takes its place.
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

/* An end has sent up to @number, as its own numbers or the other's ACK show, although that was not
 * captured. */
static void prove(struct course *course, int end, uint32_t number, int64_t time)
{
	struct machine *machine = machine_of(course, end), *peer = machine_of(course, !end);
	bool fin = course->evidence.fin[end] && number == course->evidence.end[end];
	bool first = fin && !machine->fin_sent;

	machine_prove(machine, number, fin);
	if (!fin || peer->fin_heard)
		return;
	/* Its FIN acknowledges the other's, if it had received that. */
	if (first && machine->fin_taken && !course->evidence.crossed)
		machine_acknowledged(peer, machine->rcv_nxt, time);
	peer->fin_heard = true;
	peer->fin_at = number - 1;
}

/* What a segment in a capture of both sides shows about those missed before it. */
static void prove_before(struct course *course, const struct wire_segment *s)
{
	struct machine *machine = machine_of(course, s->from);
	struct machine *peer = machine_of(course, !s->from);
	int before[2] = {machine->state, peer->state};

	if (is_self(course->connection))
		return;
	if (course->evidence.fin[s->from] && s->seq == course->evidence.end[s->from] &&
	    machine->opened)
		prove(course, s->from, s->seq, s->sent);
	if (s->flags & TCP_ACK && s->ack &&
	    (peer->opened ? peer->state != STATE_SYN_SENT && s->ack - peer->snd_nxt <= FAR
			  : !(s->flags & TCP_RST) && (s->flags & TCP_SYN || peer->heard)))
		prove(course, !s->from, s->ack, s->sent);
	tell(course, s->from, s->sent, before[0]);
	tell(course, !s->from, s->sent, before[1]);
}

static void send(struct course *course, const struct wire_segment *s, struct wire_step *step)
{
	struct machine *machine = machine_of(course, s->from);
	int before;

	if (course->connection->one_tap)
		prove_before(course, s);
	before = machine->state;
	if (s->sent != WIRE_NEVER && !(step->marks & WIRE_INJECTED))
		step->marks |= machine_send(machine, machine_of(course, !s->from), s);
	tell(course, s->from, s->sent, before);
}

static void receive(struct course *course, const struct wire_segment *s, struct wire_step *step,
		    int64_t time)
{
	struct machine *machine = machine_of(course, !s->from);
	int before = machine->state;

	/* The capture missed segments that the sender of a RST had sent before it. */
	if (course->connection->one_tap && s->flags & TCP_RST && machine->heard &&
	    s->seq - machine_of(course, s->from)->snd_nxt - 1 < FAR)
		machine->rcv_nxt = s->seq;
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
 * Whether an end sent its FIN before it knew of the other's, judging by the FIN's acknowledgment.
 * Then it had closed when the other's arrived, even if its own FIN left later: the tap sees a
 * segment before TCP does, and a host can keep back what it sends.
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

/* Sort the events: with one tap in capture order, regardless of the times; else by time. */
static size_t events_of(const struct wire_connection *c, const struct wire_step *steps,
			struct event *events)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		const struct wire_segment *s = &c->segments[i];
		int64_t sent = s->sent != WIRE_NEVER ? s->sent : s->arrived;

		events[count++] = (struct event){sent, (uint32_t)i, false};
		if (!(steps[i].marks & WIRE_IS_LOST))
			events[count++] = (struct event){
			    s->arrived != WIRE_NEVER ? s->arrived : sent, (uint32_t)i, true};
	}
	if (!c->one_tap)
		qsort(events, count, sizeof(*events), by_time);
	return count;
}

static void begin(struct course *course, const struct wire_rules *rules)
{
	const struct wire_connection *c = course->connection;

	course->evidence = evidence_of(c);
	for (int end = 0; end < 2; end++) {
		course->end[end].state = STATE_CLOSED;
		course->end[end].assassinable =
		    c->host[end] < 0 || !(rules->rfc1337 & 1u << c->host[end]);
		course->end[end].unaware =
		    is_unaware(c, end) || (course->evidence.fin[end] && course->evidence.crossed);
	}
	/* Count only what is known. */
	if (course->evidence.unsure || course->evidence.one_sided)
		course->moved = NULL;
}

static void run(struct course *course, const struct event *event, struct wire_step *steps)
{
	const struct wire_connection *c = course->connection;
	const struct wire_segment *s = &c->segments[event->segment];
	struct wire_step *step = &steps[event->segment];

	pass_time(course, event->time);
	if (event->arrival) {
		receive(course, s, step, event->time);
		step->state[!s->from] = (uint8_t)machine_of(course, !s->from)->state;
		return;
	}
	send(course, s, step);
	step->state[s->from] = (uint8_t)machine_of(course, s->from)->state;
	step->state[!s->from] = (uint8_t)machine_of(course, !s->from)->state;
	if ((s->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
	    step->state[s->from] == STATE_SYN_RECEIVED)
		show_answered(c, event->segment, steps);
}

int wire_derive(const struct wire_connection *c, const struct wire_rules *rules,
		struct wire_step *steps, uint8_t ends[2], wire_moved_fn *moved, void *data)
{
	struct course course = {.connection = c, .moved = moved, .data = data};
	struct event *events = calloc(2 * c->count + 1, sizeof(*events));
	size_t count;

	if (!events)
		return -1;
	memset(steps, 0, c->count * sizeof(*steps));
	losses_mark(c, rules, steps);
	begin(&course, rules);
	count = events_of(c, steps, events);
	for (size_t i = 0; i < count; i++)
		run(&course, &events[i], steps);
	pass_time(&course, rules->until);
	for (int end = 0; end < 2; end++)
		ends[end] = (uint8_t)machine_of(&course, end)->state;
	for (size_t i = 0; i < c->count; i++)
		if (c->segments[i].flags & TCP_RST && !(steps[i].marks & WIRE_REFUSED))
			steps[i].marks |= WIRE_RESET;
	if (course.evidence.one_sided)
		evidence_one_side(c, course.evidence.seen[WIRE_CLIENT] ? WIRE_CLIENT : WIRE_SERVER,
				  steps, ends);
	else
		evidence_leave_open(c, &course.evidence, steps, ends);
	free(events);
	return 0;
}
