/* SPDX-License-Identifier: MIT */
/*
 * While the kernel lists sockets, the process waits inside recv(), where the kernel does the work.
 * So, once a dump turns out to be large, a second thread adds up what has come, and the first goes
 * on receiving. They share nothing but batches of sockets; the sink is called in one thread at a
 * time.
 */
#include "census/handover.h"

#include <stdlib.h>

#define MANY 2048 /* sockets from which on a thread pays: it costs as much as 100 of them */
#define BATCH 512
#define BATCHES 8

struct batches {
	sem_t empty, full;
	struct batch {
		size_t count; /* 0: the end */
		struct census_socket socket[BATCH];
	} batch[BATCHES]; /* filled and emptied in turn */
};

static void *empty_batches(void *data)
{
	struct handover *handover = data;
	struct batches *batches = handover->batches;
	const struct census_sink *sink = handover->sink;

	for (size_t i = 0;; i = (i + 1) % BATCHES) {
		const struct batch *batch = &batches->batch[i];

		while (sem_wait(&batches->full) < 0)
			; /* EINTR */
		if (!batch->count)
			return NULL;
		for (size_t n = 0; n < batch->count; n++)
			sink->socket(&batch->socket[n], sink->data);
		sem_post(&batches->empty);
	}
}

/* Without memory or a second thread, the first does everything. */
static void start(struct handover *handover)
{
	struct batches *batches = malloc(sizeof(*batches));

	if (!batches)
		return;
	sem_init(&batches->empty, 0, BATCHES - 1); /* one is being filled */
	sem_init(&batches->full, 0, 0);
	batches->batch[0].count = handover->filling = 0;
	handover->batches = batches;
	if (pthread_create(&handover->thread, NULL, empty_batches, handover)) {
		handover->batches = NULL;
		free(batches);
	}
}

/* Hand over the batch, and take the next. */
static void pass(struct handover *handover)
{
	struct batches *batches = handover->batches;

	sem_post(&batches->full);
	while (sem_wait(&batches->empty) < 0)
		;
	handover->filling = (handover->filling + 1) % BATCHES;
	batches->batch[handover->filling].count = 0;
}

static void add(const struct census_socket *socket, void *data)
{
	struct handover *handover = data;
	struct batch *batch;

	if (++handover->count == MANY)
		start(handover);
	if (!handover->batches) {
		handover->sink->socket(socket, handover->sink->data);
		return;
	}
	batch = &handover->batches->batch[handover->filling];
	batch->socket[batch->count++] = *socket;
	if (batch->count == BATCH)
		pass(handover);
}

void handover_end(struct handover *handover)
{
	struct batches *batches = handover->batches;

	handover->count = 0;
	if (!batches)
		return;
	if (batches->batch[handover->filling].count)
		pass(handover);
	sem_post(&batches->full); /* an empty one: the end */
	pthread_join(handover->thread, NULL);
	sem_destroy(&batches->empty);
	sem_destroy(&batches->full);
	free(batches);
	handover->batches = NULL;
}

/* The dump begins, or begins again after an interruption. */
static void begin(void *data)
{
	struct handover *handover = data;

	handover_end(handover);
	handover->sink->begin(handover->sink->data);
}

struct census_sink handover_to(struct handover *handover, const struct census_sink *sink)
{
	*handover = (struct handover){.sink = sink};
	return (struct census_sink){begin, add, handover};
}
