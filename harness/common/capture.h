/* SPDX-License-Identifier: MIT */
/* The packets of a network namespace, and files of packets, by libpcap. */
#ifndef LINGER_CAPTURE_H
#define LINGER_CAPTURE_H

#include <pcap/pcap.h>

#include "common/errors.h"

/* The link type of what is captured. Times are in nanoseconds, in files, too. */
#define CAPTURE_LINK DLT_LINUX_SLL2

/*
 * Begin to capture what enters and what leaves the caller's network namespace: libpcap's device
 * "any", with frames of CAPTURE_LINK; reading never waits.
 * filter: of the packets wanted, as pcap-filter(7) has it. snap: bytes that are kept of a packet.
 * buffer: bytes in the kernel for packets that were not read yet; its pages are cleared at once.
 * gather: ms that packets may wait in the kernel for others; 0: each can be read at once, but takes
 * room for @snap bytes.
 * Returns the capture, for pcap_close(), or NULL with @error.
 */
pcap_t *capture_open(const char *filter, int snap, int buffer, int gather, struct error *error);

/* Open a file of packets, whatever wrote it. Returns it, for pcap_close(), or NULL with @error. */
pcap_t *capture_read(const char *path, struct error *error);

#endif
