/* SPDX-License-Identifier: MIT */
/* Captures the packets of a network namespace and reads capture files, with libpcap. */
#ifndef LINGER_CAPTURE_H
#define LINGER_CAPTURE_H

#include <pcap/pcap.h>

#include "common/errors.h"

/* The link type of a live capture. Times are in nanoseconds, in files too. */
#define CAPTURE_LINK DLT_LINUX_SLL2

/*
 * Start to capture what enters and leaves the caller's network namespace: libpcap's device "any",
 * with frames of CAPTURE_LINK. Reading never blocks.
 * filter: which packets, in the syntax of pcap-filter(7). snap: bytes kept of each packet. buffer:
 * bytes in the kernel for packets not read yet; its pages are cleared at once. gather: ms that
 * packets may wait in the kernel for more; 0: each can be read at once, but takes room for @snap
 * bytes.
 * Returns the capture, for pcap_close(), or NULL with @error.
 */
pcap_t *capture_open(const char *filter, int snap, int buffer, int gather, struct error *error);

/* Open a capture file of any program. Returns it, for pcap_close(), or NULL with @error. */
pcap_t *capture_read(const char *path, struct error *error);

#endif
