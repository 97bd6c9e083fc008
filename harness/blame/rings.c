/* SPDX-License-Identifier: MIT */
/*
 * Samples of a process's system calls on sockets, from one ring of memory per processor. Nothing is
 * stopped: a sample has a copy of the registers and of the stack.
 */
#include "blame/internal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	PAGES = 1024,
	CPUS = 512,
	RECORD_MOST = 1 << 16,
	WAKEUP = 1 << 16,
	LATEST = 100
};

struct ring {
	int fd; /* that the others write to as well */
	struct perf_event_mmap_page *page;
	uint8_t record[RECORD_MOST]; /* the next one, in one piece */
	bool ready;
	struct sample sample;
};

struct rings {
	size_t count;
	unsigned int leave;
	struct ring ring[];
};

/* "id == 0 || id == 1": only calls that follow.c knows. */
static void filter_of(char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < call_count; i++)
		if (call_is_followed(&calls[i]) && used < size)
			used += (size_t)snprintf(text + used, size - used, "%sid == %ld",
						 used ? " || " : "", calls[i].number);
}

static int open_event(pid_t tid, int cpu, unsigned int tracepoint, bool leaves)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_TRACEPOINT,
	    .size = sizeof(attr),
	    .config = tracepoint,
	    .sample_period = 1,
	    .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
	    .inherit = 1,
	    .use_clockid = 1,
	    .clockid = CLOCK_MONOTONIC,
	    .watermark = 1,
	    .wakeup_watermark = WAKEUP,
	};

	if (leaves) {
		attr.sample_type |= PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
		attr.sample_regs_user = SAMPLE_REGISTERS;
		attr.sample_stack_user = DUMP_BYTES;
	}
	return (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Both tracepoints for a thread on a processor. The descriptors stay open as long as we run. */
static int attach(struct ring *ring, pid_t tid, int cpu, const unsigned int tracepoint[2])
{
	char filter[1024];

	filter_of(filter, sizeof(filter));
	for (int leaves = 0; leaves < 2; leaves++) {
		int fd = open_event(tid, cpu, tracepoint[leaves], leaves);

		if (fd < 0)
			return errno == ESRCH ? 0 : -1; /* the thread has ended */
		if (ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter) < 0)
			return -1;
		if (ring->fd < 0) {
			ring->fd = fd;
			ring->page = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
					  MAP_SHARED, fd, 0);
			if (ring->page == MAP_FAILED)
				return -1;
		} else if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0) {
			return -1;
		}
	}
	return 0;
}

static int attach_thread(struct rings *rings, pid_t process, pid_t tid,
			 const unsigned int tracepoint[2])
{
	if (!task_learn(process, tid))
		return -1;
	for (size_t cpu = 0; cpu < rings->count; cpu++)
		if (attach(&rings->ring[cpu], tid, (int)cpu, tracepoint) < 0)
			return -1;
	return 0;
}

/* All threads, repeated until there is no new one; threads that these start later are inherited. */
static int attach_all(struct rings *rings, pid_t pid, const unsigned int tracepoint[2])
{
	bool found = true;
	int result = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	while (found && result == 0) {
		DIR *folder = opendir(path);
		struct dirent *entry;

		found = false;
		while (result == 0 && folder && (entry = readdir(folder))) {
			pid_t tid =
			    isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

			if (!tid || (task_find(tid) && tid != pid) || (tid == pid && task_count()))
				continue;
			result = attach_thread(rings, pid, tid, tracepoint);
			found = true;
		}
		if (folder)
			closedir(folder);
	}
	return result;
}

struct rings *rings_open(pid_t pid, unsigned int enter, unsigned int leave, struct error *error)
{
	unsigned int tracepoint[2] = {enter, leave};
	struct rlimit limit;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	size_t count = cpus > 0 && cpus < CPUS ? (size_t)cpus : CPUS;
	struct rings *rings = calloc(1, sizeof(*rings) + count * sizeof(struct ring));

	if (!rings) {
		error_no_memory(error);
		return NULL;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	rings->count = count;
	rings->leave = leave;
	for (size_t i = 0; i < count; i++)
		rings->ring[i].fd = -1;
	if (attach_all(rings, pid, tracepoint) == 0)
		return rings;
	error_set(error, EXIT_CANNOT,
		  "the kernel does not let us watch the calls of %d (perf_event_open): %s; run it "
		  "as root of the machine, or start the program under blame",
		  pid, strerror(errno));
	rings_close(rings);
	return NULL;
}

void rings_close(struct rings *rings)
{
	for (size_t i = 0; i < rings->count; i++)
		if (rings->ring[i].fd >= 0)
			close(rings->ring[i].fd);
	free(rings);
}

/* @length bytes at @at of the ring, around its end. */
static void copy(const struct ring *ring, uint64_t at, void *to, size_t length)
{
	const uint8_t *data = (const uint8_t *)ring->page + PAGE;
	size_t size = (size_t)PAGES * PAGE, begin = at % size;
	size_t first = length < size - begin ? length : size - begin;

	memcpy(to, data + begin, first);
	memcpy((uint8_t *)to + first, data, length - first);
}

/* Take out records until one is a sample. Returns false when there is none. */
static bool advance(struct rings *rings, struct ring *ring)
{
	while (ring->fd >= 0 && !ring->ready) {
		uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
		uint64_t tail = ring->page->data_tail, lost;
		struct perf_event_header header;

		if (head - tail < sizeof(header))
			return false;
		copy(ring, tail, &header, sizeof(header));
		copy(ring, tail, ring->record, header.size);
		__atomic_store_n(&ring->page->data_tail, tail + header.size, __ATOMIC_RELEASE);
		if (header.type == PERF_RECORD_LOST && header.size >= sizeof(header) + 16) {
			memcpy(&lost, ring->record + sizeof(header) + 8, sizeof(lost));
			tracer.lost += lost;
		}
		ring->ready = header.type == PERF_RECORD_SAMPLE &&
			      sample_parse(ring->record, header.size, rings->leave, &ring->sample);
	}
	return ring->ready;
}

static struct ring *oldest(struct rings *rings)
{
	struct ring *found = NULL;

	for (size_t i = 0; i < rings->count; i++)
		if (advance(rings, &rings->ring[i]) &&
		    (!found || rings->ring[i].sample.time < found->sample.time))
			found = &rings->ring[i];
	return found;
}

int rings_read(struct rings *rings, int fd, void (*each)(const struct sample *sample))
{
	struct pollfd polled[CPUS + 1] = {{.fd = fd, .events = POLLIN}};
	struct ring *ring;

	for (size_t i = 0; i < rings->count; i++)
		polled[i + 1] = (struct pollfd){.fd = rings->ring[i].fd, .events = POLLIN};
	/* Fewer than WAKEUP bytes do not wake us, but must not wait forever. */
	if (poll(polled, rings->count + 1, LATEST) < 0 && errno != EINTR)
		return -1;
	while ((ring = oldest(rings))) {
		each(&ring->sample);
		ring->ready = false;
	}
	return polled[0].revents & POLLIN ? 1 : 0;
}
