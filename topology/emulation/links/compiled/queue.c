#include "queue.h"

#include <stdlib.h>
#include <string.h>

#define VNET_HEADER_BYTES 10
#define RESTS_KEPT 128
#define BACKLOGS_APART_NS 10000000 /* frames read in the wrong order came this close; else the clock was set */

static void *kept[RESTS_KEPT];
static int kept_count;

void *rest_new(void)
{
    return kept_count ? kept[--kept_count] : malloc(REST_BYTES); /* the last used is still in the cache */
}

void rest_free(void *rest)
{
    if (rest && kept_count < RESTS_KEPT)
        kept[kept_count++] = rest;
    else
        free(rest);
}

void frame_free(struct frame *frame)
{
    rest_free(frame->rest);
    free(frame);
}

struct queue *queue_new(int reorders, const uint32_t *loss_state, const uint32_t *jitter_state)
{
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    memcpy(&queue->loss, loss_state, sizeof queue->loss);
    memcpy(&queue->jitter, jitter_state, sizeof queue->jitter);
    queue->reorders = reorders;
    return queue;
}

void queue_free(struct queue *queue)
{
    while (queue_next_due_ns(queue) >= 0)
        frame_free(queue_pop(queue));
    free(queue->unordered.all);
    free(queue);
}

void queue_change(struct queue *queue, const struct properties *properties)
{
    const struct properties *before = &queue->properties;
    bool same_bursts = properties->losing == IN_BURSTS && before->losing == IN_BURSTS
                       && !memcmp(properties->leaves, before->leaves, sizeof before->leaves)
                       && !memcmp(properties->loses, before->loses, sizeof before->loses);
    if (!same_bursts) { /* bursts that stay keep their state */
        queue->losses.bad = 0;
        queue->losses.how = properties->losing;
        queue->losses.ratio = properties->loss_ratio;
        memcpy(queue->losses.leaves, properties->leaves, sizeof properties->leaves);
        memcpy(queue->losses.loses, properties->loses, sizeof properties->loses);
    }
    queue->properties = *properties;
}

void queue_silence(struct queue *queue, int silent)
{
    queue->silent = silent;
}

const struct counters *queue_counters(const struct queue *queue)
{
    return &queue->counters;
}

static struct frame *frame_new(const void *head, void **rest, uint32_t size)
{
    uint32_t head_bytes = size < HEAD_BYTES ? size : HEAD_BYTES;
    struct frame *frame = malloc(sizeof *frame + head_bytes);
    if (!frame)
        return NULL;
    memcpy(frame->head, head, head_bytes);
    frame->rest = NULL;
    frame->size = size;
    if (size > HEAD_BYTES) {
        frame->rest = *rest;
        *rest = NULL;
    }
    return frame;
}

/* Behind those that arrived before it, before those that were only read before it: each processor of the
 * machine has a backlog of its own. Its time lies between theirs. */
static void put_in_order(struct queue *queue, struct frame *frame)
{
    struct frame *before = queue->last;
    while (before && before->stamp_ns > frame->stamp_ns && before->stamp_ns - frame->stamp_ns < BACKLOGS_APART_NS)
        before = before->previous;
    struct frame *after = before ? before->next : queue->first;
    int64_t earliest_ns = before ? before->due_ns : queue->released_ns;
    if (frame->due_ns < earliest_ns)
        frame->due_ns = earliest_ns;
    if (after && frame->due_ns > after->due_ns)
        frame->due_ns = after->due_ns;
    frame->previous = before;
    frame->next = after;
    *(before ? &before->next : &queue->first) = frame;
    *(after ? &after->previous : &queue->last) = frame;
}

/* Among the others, in its place; false where there is no memory. */
static bool put(struct queue *queue, struct frame *frame)
{
    if (queue->reorders)
        return reminders_add(&queue->unordered, (struct reminder){frame->due_ns, queue->pushed, frame});
    put_in_order(queue, frame);
    return true;
}

int64_t queue_push(struct queue *queue, const void *head, void **rest, uint32_t size, int64_t arrived_ns,
                   int64_t stamp_ns)
{
    if (queue->silent) {
        queue->counters.silenced++;
        return -1;
    }
    if (draw_loss(&queue->loss, &queue->losses)) {
        queue->counters.lost++;
        return -1;
    }
    struct frame *frame = NULL;
    if (queue->held_bytes + size <= queue->properties.limit_bytes)
        frame = frame_new(head, rest, size);
    if (!frame) {
        queue->counters.overflow++;
        return -1;
    }
    frame->stamp_ns = stamp_ns;
    frame->due_ns = arrived_ns + queue->properties.delay_ns;
    if (queue->properties.jitter_ns)
        frame->due_ns += draw_variation(&queue->jitter, queue->properties.distribution, queue->properties.jitter_ns);
    queue->pushed++;
    if (!put(queue, frame)) {
        frame_free(frame);
        queue->counters.overflow++;
        return -1;
    }
    queue->held_bytes += size;
    return frame->due_ns;
}

int64_t queue_next_due_ns(const struct queue *queue)
{
    if (queue->reorders)
        return queue->unordered.count ? queue->unordered.all[0].due_ns : -1;
    return queue->first ? queue->first->due_ns : -1;
}

struct frame *queue_pop(struct queue *queue)
{
    struct frame *frame;
    if (queue->reorders) {
        frame = queue->unordered.all[0].of;
        reminders_drop(&queue->unordered);
    } else {
        frame = queue->first;
        queue->first = frame->next;
        *(queue->first ? &queue->first->previous : &queue->last) = NULL;
        queue->released_ns = frame->due_ns;
    }
    queue->held_bytes -= frame->size;
    return frame;
}
