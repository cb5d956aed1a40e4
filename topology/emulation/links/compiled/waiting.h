/* How the line waits: a timer with nanoseconds, what it learns of its own lateness, and how long it may stay
 * awake for it. What timer.py says in Python. Times are ns of CLOCK_MONOTONIC. */
#ifndef ONEHOP_WAITING_H
#define ONEHOP_WAITING_H

#include <stdbool.h>
#include <stdint.h>

int64_t now_ns(void);
int64_t real_now_ns(void); /* of CLOCK_REALTIME */

/* Sleep until `at_ns`. */
void sleep_until(int64_t at_ns);

/* Make the timerfd readable at `at_ns`. */
void timer_set(int timer, int64_t at_ns);

/* How long before a due time to ask for the wake-up: mean lateness plus twice its mean deviation. */
struct wake_ups {
    double mean_ns;
    double deviation_ns;
    int64_t lead_ns;
};

void wake_ups_begin(struct wake_ups *wake_ups);
void wake_ups_learn(struct wake_ups *wake_ups, int64_t late_ns);

/* A bound on time spent waiting awake: a share of all time, which may be saved up a little. */
struct allowance {
    double left_ns;
    int64_t since_ns;
};

bool allowance_left(struct allowance *allowance, int64_t at_ns);
void allowance_spend(struct allowance *allowance, int64_t spent_ns);

#endif
