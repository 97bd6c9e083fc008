/* SPDX-License-Identifier: MIT */
/* The life of a snapshot: emptied, filled (tally.c), sorted, freed. */
#include "census/internal.h"

#include <stdlib.h>

void snapshot_reset(struct census_snapshot *snapshot, const struct census_needs *asked)
{
	views_clear(snapshot);
	*snapshot = (struct census_snapshot){
	    .asked = *asked,
	    .rows = snapshot->rows,
	    .row_room = snapshot->row_room,
	    .owners = snapshot->owners,
	    .owner_room = snapshot->owner_room,
	    .listeners = snapshot->listeners,
	    .listener_room = snapshot->listener_room,
	    .remotes = snapshot->remotes,
	    .remote_room = snapshot->remote_room,
	    .views = snapshot->views,
	    .view_room = snapshot->view_room,
	};
}

void census_snapshot_clear(struct census_snapshot *snapshot)
{
	views_clear(snapshot);
	free(snapshot->views);
	free(snapshot->rows);
	free(snapshot->owners);
	free(snapshot->listeners);
	free(snapshot->remotes);
	*snapshot = (struct census_snapshot){0};
}

static int compare_rows(const void *a, const void *b)
{
	const struct census_row *x = a, *y = b;

	return x->state != y->state ? x->state - y->state : x->port - y->port;
}

/* What leaks: the peer or the whole connection is gone, but not the descriptor. */
static bool suspect(const struct census_owner *owner)
{
	return owner->state == STATE_CLOSE_WAIT || owner->state == STATE_CLOSED;
}

static int compare_owners(const void *a, const void *b)
{
	const struct census_owner *x = a, *y = b;

	if (suspect(x) != suspect(y))
		return suspect(x) ? -1 : 1;
	if (x->descriptors != y->descriptors)
		return x->descriptors < y->descriptors ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->state != y->state ? x->state - y->state : x->port - y->port;
}

static int compare_listeners(const void *a, const void *b)
{
	const struct census_listener *x = a, *y = b;

	return x->port != y->port ? x->port - y->port : x->family - y->family;
}

void snapshot_sort(struct census_snapshot *snapshot)
{
	if (snapshot->row_count)
		qsort(snapshot->rows, snapshot->row_count, sizeof(*snapshot->rows), compare_rows);
	if (snapshot->owner_count)
		qsort(snapshot->owners, snapshot->owner_count, sizeof(*snapshot->owners),
		      compare_owners);
	if (snapshot->listener_count)
		qsort(snapshot->listeners, snapshot->listener_count, sizeof(*snapshot->listeners),
		      compare_listeners);
	remotes_sort(snapshot);
}
