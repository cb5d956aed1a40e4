/* Random draws of one direction of a link: the same numbers as Python's, for the same seed.
 *
 * topology/variation.py, topology/burstloss.py and topology/emulation/links/schedule.py say the same in
 * Python; tests/topology/emulation/test_compiled.py holds the two against each other. */
#ifndef ONEHOP_DRAWS_H
#define ONEHOP_DRAWS_H

#include <stdbool.h>
#include <stdint.h>

#define TWISTER_WORDS 624

/* Matsumoto and Nishimura's Mersenne Twister, as random.Random has it: getstate()[1] is words, then next. */
struct twister {
    uint32_t words[TWISTER_WORDS];
    uint32_t next;
};

enum distribution { UNIFORM, NORMAL, PARETO };
enum losing { NOTHING, EACH_BY_ITSELF, IN_BURSTS };

/* What is lost: with one probability, or by the states of Gilbert and Elliott, 0 good and 1 bad. */
struct losses {
    enum losing how;
    int bad;
    double ratio;
    double leaves[2];
    double loses[2];
};

/* The next number, evenly of [0, 1), of 53 bits: random.random(). */
double draw(struct twister *source);

/* What the next frame's delay varies by, in ns. */
int64_t draw_variation(struct twister *source, enum distribution distribution, int64_t jitter_ns);

/* Whether the next frame is lost. */
bool draw_loss(struct twister *source, struct losses *losses);

#endif
