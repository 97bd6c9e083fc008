/* SPDX-License-Identifier: MIT */
/* A sink in a thread of its own (handover.c). */
#ifndef CENSUS_HANDOVER_H
#define CENSUS_HANDOVER_H

#include <pthread.h>
#include <semaphore.h>

#include "census/census.h"

struct batches;

struct handover {
	const struct census_sink *sink; /* the real one */
	size_t count;			/* sockets since the beginning of the walk */
	struct batches *batches;	/* NULL: there is no thread (yet) */
	size_t filling;			/* the batch that waits for more */
	pthread_t thread;
};

/* The sink to give to a dump instead of @sink. */
struct census_sink handover_to(struct handover *handover, const struct census_sink *sink);

/* Call at the end of the dump: waits until @sink has got everything. */
void handover_end(struct handover *handover);

#endif
