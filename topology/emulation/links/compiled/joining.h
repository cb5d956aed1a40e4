/* Consecutive packets of one flow as one GSO frame: one system call, which the kernel splits again.
 *
 * What a network card's generic receive offload does (Documentation/networking/segmentation-offloads.rst), and
 * under its condition: splitting must give the same bytes again. So only IPv4 packets of UDP or TCP are joined
 * that follow each other without a gap and whose checksums are right or not yet computed. */
#ifndef ONEHOP_JOINING_H
#define ONEHOP_JOINING_H

#include <sys/uio.h>

#include "queue.h"

#define VNET_HEADER_BYTES 10
#define JOINED_HEAD_BYTES (VNET_HEADER_BYTES + 14 + 20 + 60) /* virtio_net_hdr, Ethernet, IPv4, the longest TCP */

enum { JOINS_TCP = 1, JOINS_UDP = 2 };

/* How many of `count` frames, from the first, can go as one: at least 1. If more, `head` gets the headers for
 * them all and `parts` these and the payloads, that many and one. `protocols`: what may be joined. */
int join(struct frame *const *frames, int count, int protocols, unsigned char head[JOINED_HEAD_BYTES],
         struct iovec *parts);

/* Of which protocol a joined frame with that head is. */
int joined_protocol(const unsigned char *head);

#endif
