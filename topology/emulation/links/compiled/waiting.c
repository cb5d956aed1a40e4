#include "waiting.h"

#include <math.h>
#include <sys/timerfd.h>
#include <time.h>

#define SECOND_NS 1000000000
#define LEAST_LEAD_NS 20000.0
#define MOST_LEAD_NS 250000.0
#define WEIGHT (1.0 / 16)
#define AWAKE_SHARE 0.25 /* of one processor */
#define AWAKE_MOST_NS 2000000.0

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * (int64_t)SECOND_NS + now.tv_nsec;
}

int64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t real_now_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

void sleep_until(int64_t at_ns)
{
    struct timespec at = {at_ns / SECOND_NS, at_ns % SECOND_NS};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

void timer_set(int timer, int64_t at_ns)
{
    struct itimerspec at = {.it_value = {at_ns / SECOND_NS, at_ns % SECOND_NS}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

void wake_ups_begin(struct wake_ups *wake_ups)
{
    *wake_ups = (struct wake_ups){.mean_ns = 50000.0, .deviation_ns = 20000.0, .lead_ns = 90000};
}

void wake_ups_learn(struct wake_ups *wake_ups, int64_t late_ns)
{
    double sample_ns = fmin(fmax((double)late_ns, 0.0), 2 * MOST_LEAD_NS);
    wake_ups->deviation_ns += (fabs(sample_ns - wake_ups->mean_ns) - wake_ups->deviation_ns) * WEIGHT;
    wake_ups->mean_ns += (sample_ns - wake_ups->mean_ns) * WEIGHT;
    double lead_ns = wake_ups->mean_ns + 2 * wake_ups->deviation_ns;
    wake_ups->lead_ns = llrint(fmin(fmax(lead_ns, LEAST_LEAD_NS), MOST_LEAD_NS));
}

bool allowance_left(struct allowance *allowance, int64_t at_ns)
{
    double earned_ns = (double)(at_ns - allowance->since_ns) * AWAKE_SHARE;
    allowance->left_ns = fmin(allowance->left_ns + earned_ns, AWAKE_MOST_NS);
    allowance->since_ns = at_ns;
    return allowance->left_ns > 0.0;
}

void allowance_spend(struct allowance *allowance, int64_t spent_ns)
{
    allowance->left_ns -= (double)spent_ns;
}
