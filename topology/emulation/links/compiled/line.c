#define _GNU_SOURCE
#include "line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "joining.h"
#include "waiting.h"

#define BATCH 64            /* frames to a system call */
#define BATCH_OF_LARGE 4    /* of frames with a rest: copying one takes as long as 16 small ones */
#define EVENTS 64           /* heard of at once */
#define SEND_NS 1000        /* from the decision to send until the frame is stamped at the far side, at least */
#define LARGEST_AGE_NS 1000000000 /* a stamp older than this means that the clock was set */
#define CLOCKS_APART_NS 2000      /* two clocks read further apart say nothing about their difference */
#define DENSE_NS 1000000          /* arrivals closer together than this are dense traffic */
#define LEAST_NAP_NS 50000
#define CROWDED_PER_S 50000  /* so many frames a second are released together, not one by one ... */
#define GATHERING_NS 200000  /* ... each so much late at most, which leaves the processors to others */
#define PRIORITY_NS 100000000 /* so often the priority is looked after, when busy */

#ifndef CORE_SOURCES
#define CORE_SOURCES ""
#endif

struct lane {
    int source;
    int sink;
    bool large; /* the last frame had a rest */
    struct queue *queue;
};

/* Messages to send, each of one frame or of several joined. */
struct leaving {
    struct mmsghdr messages[BATCH];
    int frames[BATCH]; /* in each message */
    struct iovec parts[2 * BATCH];
    unsigned char heads[BATCH / 2][JOINED_HEAD_BYTES];
};

struct arriving {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH][2];
    unsigned char heads[BATCH][HEAD_BYTES];
    void *rests[BATCH];
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(2 * sizeof(long))];
    } ancillary[BATCH];
};

struct line {
    int control;
    int timer;
    int epoll;
    bool unread; /* a socket may hold more than was read of it */
    size_t lanes;
    int64_t armed_ns;
    int64_t nap_ns;
    int64_t real_ahead_ns;
    int64_t last_arrival_ns;
    int64_t last_gap_ns;
    int64_t priority_ns;
    int64_t released_ns;
    int64_t received; /* frames since the priority was looked after */
    bool crowded;
    int joins;    /* protocols whose packets may be handed over joined */
    bool refused; /* the kernel does not split them all for us */
    struct wake_ups wake_ups;
    struct allowance awake;
    struct reminders due; /* each lane with frames once; one that reorders, once for each frame */
    struct arriving arriving;
    struct leaving leaving;
    struct epoll_event events[EVENTS];
};

const char *core_sources(void)
{
    return CORE_SOURCES;
}

static int watch(struct line *line, int descriptor, uint32_t events, void *lane)
{
    struct epoll_event event = {.events = events, .data.ptr = lane};
    return epoll_ctl(line->epoll, EPOLL_CTL_ADD, descriptor, &event);
}

struct line *line_new(int control)
{
    struct line *line = calloc(1, sizeof *line);
    if (!line)
        return NULL;
    line->control = control;
    line->epoll = epoll_create1(EPOLL_CLOEXEC);
    line->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (line->epoll < 0 || line->timer < 0 || watch(line, control, EPOLLIN, &line->control)
        || watch(line, line->timer, EPOLLIN | EPOLLET, &line->timer))
        return NULL; /* the process ends */
    for (int at = 0; at < BATCH; at++) {
        struct arriving *arriving = &line->arriving;
        if (!(arriving->rests[at] = rest_new()))
            return NULL;
        arriving->parts[at][0] = (struct iovec){arriving->heads[at], HEAD_BYTES};
        arriving->messages[at].msg_hdr = (struct msghdr){
            .msg_iov = arriving->parts[at], .msg_iovlen = 2, .msg_control = &arriving->ancillary[at]};
    }
    wake_ups_begin(&line->wake_ups);
    line->real_ahead_ns = real_now_ns() - now_ns();
    line->last_gap_ns = DENSE_NS;
    return line;
}

int line_add(struct line *line, int source, int sink, struct queue *queue)
{
    struct lane *lane = malloc(sizeof *lane);
    if (!lane || !reminders_reserve(&line->due, line->lanes + 1))
        return ENOMEM; /* the process ends */
    *lane = (struct lane){source, sink, false, queue};
    line->lanes++;
    return watch(line, source, EPOLLIN, lane) ? errno : 0;
}

void line_set_joins(struct line *line, int joins)
{
    line->joins = joins ? JOINS_TCP | JOINS_UDP : 0;
}

void line_set_nap(struct line *line, int64_t nap_ns)
{
    line->nap_ns = nap_ns;
}

int line_gives_way(const struct line *line)
{
    return !line->refused;
}

int64_t line_lead_ns(const struct line *line)
{
    return line->wake_ups.lead_ns;
}

/* When the kernel saw the frame, in CLOCK_REALTIME; 0 where it does not say. */
static int64_t stamp_ns(struct msghdr *header)
{
    struct cmsghdr *found = CMSG_FIRSTHDR(header);
    if (!found || found->cmsg_level != SOL_SOCKET || found->cmsg_type != SO_TIMESTAMPNS)
        return 0;
    long stamp[2];
    memcpy(stamp, CMSG_DATA(found), sizeof stamp);
    return stamp[0] * (int64_t)1000000000 + stamp[1];
}

static void remind(struct line *line, struct lane *lane, int64_t due_ns)
{
    if (reminders_add(&line->due, (struct reminder){due_ns, 0, lane}))
        return;
    frame_free(queue_pop(lane->queue)); /* only where a link reorders: there is room for every lane once */
    lane->queue->counters.overflow++;
}

/* Read what has arrived on one lane and give each frame its due time. */
static void receive(struct line *line, struct lane *lane)
{
    struct arriving *arriving = &line->arriving;
    struct mmsghdr *messages = arriving->messages;
    /* Stamps are of the real-time clock, which may be set; only a frame's age is taken from them. */
    int64_t before_ns = now_ns(), real_ns = real_now_ns(), at_ns = now_ns();
    if (at_ns - before_ns < CLOCKS_APART_NS)
        line->real_ahead_ns = real_ns - at_ns;
    line->last_gap_ns = at_ns - line->last_arrival_ns;
    line->last_arrival_ns = at_ns;
    int wanted = lane->large ? BATCH_OF_LARGE : BATCH;
    for (int at = 0; at < wanted; at++) {
        arriving->parts[at][1] = (struct iovec){arriving->rests[at], REST_BYTES};
        messages[at].msg_hdr.msg_controllen = sizeof arriving->ancillary[at];
    }
    int count = recvmmsg(lane->source, messages, wanted, MSG_DONTWAIT, NULL);
    for (int at = 0; at < count; at++) {
        uint32_t size = messages[at].msg_len;
        int64_t stamped_ns = stamp_ns(&messages[at].msg_hdr), arrived_ns = stamped_ns - line->real_ahead_ns;
        if (llabs(at_ns - arrived_ns) > LARGEST_AGE_NS) {
            stamped_ns = real_ns;
            arrived_ns = at_ns;
        }
        bool idle = queue_next_due_ns(lane->queue) < 0;
        int64_t due_ns =
            queue_push(lane->queue, arriving->heads[at], &arriving->rests[at], size, arrived_ns, stamped_ns);
        while (!arriving->rests[at] && !(arriving->rests[at] = rest_new()))
            sleep_until(now_ns() + DENSE_NS); /* no memory: the kernel drops meanwhile, and counts it */
        if (due_ns >= 0 && (idle || lane->queue->reorders))
            remind(line, lane, due_ns);
        lane->large = size > HEAD_BYTES;
    }
    line->received += count > 0 ? count : 0;
    line->unread |= count == wanted;
}

/* Take what is due from the first lane, up to a batch of it. */
static int take(struct line *line, struct lane *lane, struct frame **frames, int64_t until_ns)
{
    struct queue *queue = lane->queue;
    int count = 0, wanted = queue->reorders ? 1 : BATCH;
    do {
        frames[count] = queue_pop(queue);
        if (frames[count++]->rest && wanted > BATCH_OF_LARGE)
            wanted = BATCH_OF_LARGE;
    } while (count < wanted && queue_next_due_ns(queue) >= 0 && queue_next_due_ns(queue) <= until_ns);
    int64_t next_ns = queue_next_due_ns(queue);
    if (queue->reorders || next_ns < 0)
        reminders_drop(&line->due);
    else
        reminders_replace(&line->due, (struct reminder){next_ns, 0, lane});
    return count;
}

/* Make messages of frames, joined where that can be; how many. */
static int pack(struct leaving *leaving, struct frame **frames, int count, int joins)
{
    struct iovec *parts = leaving->parts;
    unsigned char(*head)[JOINED_HEAD_BYTES] = leaving->heads;
    int messages = 0;
    for (int at = 0; at < count; messages++) {
        int joined = joins ? join(frames + at, count - at, joins, *head, parts) : 1, used = joined + 1;
        if (joined == 1) {
            struct frame *frame = frames[at];
            uint32_t head_bytes = frame->rest ? HEAD_BYTES : frame->size;
            parts[0] = (struct iovec){frame->head, head_bytes};
            parts[1] = (struct iovec){frame->rest, frame->size - head_bytes};
            used = frame->rest ? 2 : 1;
        } else {
            head++;
        }
        leaving->messages[messages].msg_hdr = (struct msghdr){.msg_iov = parts, .msg_iovlen = used};
        leaving->frames[messages] = joined;
        parts += used;
        at += joined;
    }
    return messages;
}

static void count_sent(struct counters *counters, struct frame **frames, int count, int64_t handed_ns)
{
    for (int at = 0; at < count; at++) {
        int64_t late_ns = handed_ns > frames[at]->due_ns ? handed_ns - frames[at]->due_ns : 0;
        counters->frames++;
        counters->size_bytes += frames[at]->size - VNET_HEADER_BYTES;
        counters->late_sum_ns += late_ns;
        if (late_ns > counters->late_max_ns)
            counters->late_max_ns = late_ns;
    }
}

/* Send frames of one lane; those refused, as the interface is down or its buffer full, the link loses. */
static void send_all(struct line *line, struct lane *lane, struct frame **frames, int count)
{
    struct leaving *leaving = &line->leaving;
    int messages = pack(leaving, frames, count, line->joins), begin = 0;
    while (begin < messages) {
        int sent = sendmmsg(lane->sink, leaving->messages + begin, messages - begin, MSG_DONTWAIT);
        if (sent < 0 && errno == EINVAL && leaving->frames[begin] > 1) {
            /* a kernel before 6.2 splits no UDP for us */
            line->joins &= ~joined_protocol(leaving->messages[begin].msg_hdr.msg_iov[0].iov_base);
            line->refused = true;
            messages = pack(leaving, frames, count, line->joins);
            begin = 0;
            continue;
        }
        if (sent < 0) {
            int refused = leaving->frames[begin++];
            lane->queue->counters.overflow += refused;
            frames += refused;
            count -= refused;
            continue;
        }
        int handed = 0;
        for (; sent; sent--)
            handed += leaving->frames[begin++];
        count_sent(&lane->queue->counters, frames, handed, now_ns() - SEND_NS);
        frames += handed;
        count -= handed;
    }
}

/* Send every frame that is due. */
static void release(struct line *line)
{
    struct frame *frames[BATCH];
    int64_t until_ns = now_ns() + SEND_NS;
    line->released_ns = until_ns - SEND_NS;
    while (line->due.count && line->due.all[0].due_ns <= until_ns) {
        struct lane *lane = line->due.all[0].of;
        int count = take(line, lane, frames, until_ns);
        if (lane->queue->silent)
            lane->queue->counters.silenced += count;
        else
            send_all(line, lane, frames, count);
        for (int at = 0; at < count; at++)
            frame_free(frames[at]);
        until_ns = now_ns() + SEND_NS;
    }
}

static int poll_events(struct line *line, int timeout_ms)
{
    int count = epoll_wait(line->epoll, line->events, EVENTS, timeout_ms);
    return count > 0 ? count : 0;
}

static bool dense(const struct line *line, int64_t at_ns)
{
    return line->last_gap_ns < DENSE_NS && at_ns - line->last_arrival_ns < DENSE_NS && line->nap_ns > LEAST_NAP_NS;
}

/* Wait until the next frame is nearly due, or something has arrived; how many events there are. */
static int wait_events(struct line *line, int64_t at_ns)
{
    if (!line->due.count)
        return poll_events(line, -1);
    if (line->crowded && !line->unread && at_ns - line->released_ns < GATHERING_NS) {
        sleep_until(line->released_ns + GATHERING_NS);
        return poll_events(line, 0);
    }
    /* A frame is sent SEND_NS before it is due, so that is when to wake up at the latest. */
    int64_t lead_ns = allowance_left(&line->awake, at_ns) ? line->wake_ups.lead_ns : SEND_NS;
    int64_t wake_ns = line->due.all[0].due_ns - lead_ns;
    if (wake_ns <= at_ns) {
        int count = poll_events(line, 0);
        if (!count)
            allowance_spend(&line->awake, now_ns() - at_ns);
        return count;
    }
    if (line->unread)
        return poll_events(line, 0);
    if (dense(line, at_ns)) {
        /* In dense traffic nobody need be woken for each arrival: the kernel has stamped it. */
        if (wake_ns > at_ns + line->nap_ns)
            wake_ns = at_ns + line->nap_ns;
        sleep_until(wake_ns);
        wake_ups_learn(&line->wake_ups, now_ns() - wake_ns);
        return poll_events(line, 0);
    }
    if (wake_ns != line->armed_ns) {
        line->armed_ns = wake_ns;
        timer_set(line->timer, wake_ns);
    }
    int count = poll_events(line, -1);
    if (count == 1 && line->events[0].data.ptr == &line->timer)
        wake_ups_learn(&line->wake_ups, now_ns() - wake_ns);
    return count;
}

int line_carry(struct line *line)
{
    for (;;) {
        int64_t at_ns = now_ns();
        if (line->due.count && line->due.all[0].due_ns - SEND_NS <= at_ns) {
            release(line);
            at_ns = now_ns();
        }
        if (at_ns - line->priority_ns >= PRIORITY_NS) {
            line->crowded = line->received * 1000000000 > CROWDED_PER_S * (at_ns - line->priority_ns);
            line->received = 0;
            line->priority_ns = at_ns;
            return FOR_PRIORITY;
        }
        int count = wait_events(line, at_ns);
        bool requested = false;
        line->unread = false;
        for (int at = 0; at < count; at++) {
            void *what = line->events[at].data.ptr;
            if (what == &line->control) {
                requested = true;
            } else if (what != &line->timer) {
                receive(line, what);
                if (!line->crowded && line->due.count && line->due.all[0].due_ns - SEND_NS <= now_ns())
                    release(line);
            }
        }
        if (requested)
            return FOR_REQUEST;
    }
}
