/* When a frame leaves one direction of a link: delay, jitter, loss and a bounded queue.
 *
 * What schedule.py says in Python, and for the same seed the same losses and the same times. Times are ns of
 * CLOCK_MONOTONIC, sizes bytes of frame with its virtio_net_hdr. */
#ifndef ONEHOP_QUEUE_H
#define ONEHOP_QUEUE_H

#include "draws.h"
#include "reminders.h"

#define HEAD_BYTES 2048  /* what most frames fit in; what is longer has a rest in a buffer of its own */
#define REST_BYTES 65536 /* so a full GSO frame with its headers fits */

/* A frame that waits. `rest` is NULL unless it is longer than HEAD_BYTES. */
struct frame {
    struct frame *next;
    struct frame *previous;
    int64_t due_ns;
    int64_t stamp_ns;
    void *rest;
    uint32_t size;
    unsigned char head[];
};

/* What one direction does, as Python hands it over (compiledcore.py: the same order). */
struct properties {
    int64_t delay_ns;
    int64_t jitter_ns;
    int64_t limit_bytes;
    double loss_ratio;
    double leaves[2];
    double loses[2];
    int32_t distribution;
    int32_t losing;
};

/* What one direction has done since its start (compiledcore.py: the same order). */
struct counters {
    uint64_t frames;
    uint64_t size_bytes; /* without the virtio_net_hdr */
    uint64_t lost;
    uint64_t silenced;
    uint64_t overflow;
    int64_t late_sum_ns;
    int64_t late_max_ns;
};

struct queue {
    struct counters counters;
    struct properties properties;
    struct losses losses;
    struct twister loss;
    struct twister jitter;
    bool reorders;
    bool silent; /* frames under way are lost as well: whoever sends them must look */
    int64_t held_bytes;
    int64_t released_ns; /* when the last frame that has left was due */
    uint64_t pushed;
    struct frame *first; /* of those that keep their order: as they arrived */
    struct frame *last;
    struct reminders unordered; /* frames of a link that reorders */
};

/* A queue whose two generators are in the states given (TWISTER_WORDS words and the next); NULL: no memory. */
struct queue *queue_new(int reorders, const uint32_t *loss_state, const uint32_t *jitter_state);
void queue_free(struct queue *queue);

/* Frames that arrive from now on meet other properties; those waiting keep their times. */
void queue_change(struct queue *queue, const struct properties *properties);
void queue_silence(struct queue *queue, int silent);
const struct counters *queue_counters(const struct queue *queue);

/* Take a frame of `size` bytes: its due time, or -1 if it is lost, which is counted. `stamp_ns` says which
 * came first, by whatever clock; `arrived_ns` may be a little off from frame to frame, being converted.
 * `head` is copied; `*rest`, what is longer, is taken over and becomes NULL. */
int64_t queue_push(struct queue *queue, const void *head, void **rest, uint32_t size, int64_t arrived_ns,
                   int64_t stamp_ns);

/* When the first frame waiting is due; -1 if none waits. */
int64_t queue_next_due_ns(const struct queue *queue);

/* Remove and return the first frame; there must be one. To be freed by frame_free. */
struct frame *queue_pop(struct queue *queue);
void frame_free(struct frame *frame);

/* A buffer of REST_BYTES; NULL: no memory. Some that were given back are kept. One thread only. */
void *rest_new(void);
void rest_free(void *rest);

#endif
