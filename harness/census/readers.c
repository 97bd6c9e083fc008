/* SPDX-License-Identifier: MIT */
/*
 * Lists all processes in several threads, and hands the listings out in the order of /proc. The
 * threads take one process after another; so does the caller while the one it wants is not ready.
 */
#include "census/listing.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "census/internal.h"

#define MOST_READERS 4	    /* including the caller; a machine in trouble needs its other cores */
#define PROCESSES_ENOUGH 32 /* for each thread: starting it costs as much as reading two */

struct readers {
	pid_t *pids;
	struct listing *listings; /* of the same numbers */
	bool *ready;
	size_t count, room;
	bool no_memory;
	size_t handed, taken;
	pthread_mutex_t lock; /* of the listings, of ready and of taken */
	pthread_cond_t one_is_ready;
	pthread_t threads[MOST_READERS - 1];
	size_t thread_count;
};

static int note(void *data, int pid)
{
	struct readers *readers = data;
	pid_t *pids;

	if (pid == getpid())
		return 0;
	pids = census_grow(readers->pids, readers->count, &readers->room, sizeof(*pids));
	if (!pids) {
		readers->no_memory = true;
		return -1;
	}
	readers->pids = pids;
	pids[readers->count++] = pid;
	return 0;
}

/* Read the next process that nobody has taken. Needs the lock; lets it go meanwhile. */
static void read_one(struct readers *readers)
{
	size_t number = readers->taken++;
	struct listing listing;

	pthread_mutex_unlock(&readers->lock);
	listing = listing_read(readers->pids[number]);
	pthread_mutex_lock(&readers->lock);
	readers->listings[number] = listing;
	readers->ready[number] = true;
	pthread_cond_signal(&readers->one_is_ready);
}

static void *read_all(void *data)
{
	struct readers *readers = data;

	pthread_mutex_lock(&readers->lock);
	while (readers->taken < readers->count)
		read_one(readers);
	pthread_mutex_unlock(&readers->lock);
	return NULL;
}

static void start(struct readers *readers)
{
	size_t most = (size_t)sysconf(_SC_NPROCESSORS_ONLN);

	most = most < MOST_READERS ? most : MOST_READERS;
	while (readers->thread_count + 1 < most &&
	       readers->count >= (readers->thread_count + 2) * PROCESSES_ENOUGH &&
	       !pthread_create(&readers->threads[readers->thread_count], NULL, read_all, readers))
		readers->thread_count++;
}

struct readers *readers_begin(void)
{
	struct readers *readers = calloc(1, sizeof(*readers));

	if (!readers)
		return NULL;
	pthread_mutex_init(&readers->lock, NULL);
	pthread_cond_init(&readers->one_is_ready, NULL);
	proc_numbers("/proc", note, readers);
	readers->listings = calloc(readers->count + 1, sizeof(*readers->listings));
	readers->ready = calloc(readers->count + 1, sizeof(*readers->ready));
	if (readers->no_memory || !readers->listings || !readers->ready) {
		readers->count = 0;
		readers_end(readers);
		return NULL;
	}
	start(readers);
	return readers;
}

bool readers_next(struct readers *readers, struct listing *listing)
{
	if (readers->handed == readers->count)
		return false;
	pthread_mutex_lock(&readers->lock);
	while (!readers->ready[readers->handed])
		if (readers->taken < readers->count)
			read_one(readers);
		else
			pthread_cond_wait(&readers->one_is_ready, &readers->lock);
	*listing = readers->listings[readers->handed++];
	pthread_mutex_unlock(&readers->lock);
	return true;
}

void readers_end(struct readers *readers)
{
	if (!readers)
		return;
	pthread_mutex_lock(&readers->lock);
	readers->taken = readers->count; /* no more */
	pthread_mutex_unlock(&readers->lock);
	for (size_t i = 0; i < readers->thread_count; i++)
		pthread_join(readers->threads[i], NULL);
	for (size_t i = readers->handed; i < readers->count; i++)
		listing_free(&readers->listings[i]);
	pthread_mutex_destroy(&readers->lock);
	pthread_cond_destroy(&readers->one_is_ready);
	free(readers->pids);
	free(readers->listings);
	free(readers->ready);
	free(readers);
}
