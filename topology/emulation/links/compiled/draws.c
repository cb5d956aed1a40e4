#include "draws.h"

#include <math.h>

#define SHIFT 397
#define LARGEST 4.0 /* variation, in units of the jitter: more is cut */
#define PARETO_SHAPE 3.0
#define PARETO_MEAN 1.5
#define PARETO_WIDTH (4.0 / 3.0)

static uint32_t twisted(uint32_t high, uint32_t low)
{
    uint32_t both = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (both >> 1) ^ (low & 1 ? 0x9908b0dfu : 0);
}

static uint32_t word(struct twister *source)
{
    uint32_t *words = source->words;
    if (source->next >= TWISTER_WORDS) {
        for (int at = 0; at < TWISTER_WORDS; at++)
            words[at] = words[(at + SHIFT) % TWISTER_WORDS]
                        ^ twisted(words[at], words[(at + 1) % TWISTER_WORDS]);
        source->next = 0;
    }
    uint32_t tempered = words[source->next++];
    tempered ^= tempered >> 11;
    tempered ^= (tempered << 7) & 0x9d2c5680u;
    tempered ^= (tempered << 15) & 0xefc60000u;
    return tempered ^ (tempered >> 18);
}

double draw(struct twister *source)
{
    uint32_t high = word(source) >> 5, low = word(source) >> 6;
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

/* The inverse of the normal distribution: Wichura, algorithm AS 241 (PPND16), Applied Statistics 37, 1988;
 * the same coefficients in the same order as statistics.NormalDist.inv_cdf. */
static double polynomial(const double coefficients[8], double at)
{
    double sum = coefficients[0];
    for (int index = 1; index < 8; index++)
        sum = sum * at + coefficients[index];
    return sum;
}

static double normal_quantile(double share)
{
    static const double middle_above[8] = {
        2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
        1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0};
    static const double middle_below[8] = {
        5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
        5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0};
    static const double near_above[8] = {
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
        3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0};
    static const double near_below[8] = {
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
        6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0};
    static const double far_above[8] = {
        2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
        2.96560571828504891230e-1, 1.78482653991729133580e+0, 5.46378491116411436990e+0, 6.65790464350110377720e+0};
    static const double far_below[8] = {
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
        1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0};
    double from_middle = share - 0.5;
    if (fabs(from_middle) <= 0.425) {
        double at = 0.180625 - from_middle * from_middle;
        return polynomial(middle_above, at) * from_middle / polynomial(middle_below, at);
    }
    double tail = sqrt(-log(from_middle <= 0.0 ? share : 1.0 - share)), found;
    if (tail <= 5.0)
        found = polynomial(near_above, tail - 1.6) / polynomial(near_below, tail - 1.6);
    else
        found = polynomial(far_above, tail - 5.0) / polynomial(far_below, tail - 5.0);
    return from_middle < 0.0 ? -found : found;
}

int64_t draw_variation(struct twister *source, enum distribution distribution, int64_t jitter_ns)
{
    double share = draw(source), jitter = (double)jitter_ns, variation = 0.0;
    switch (distribution) {
    case UNIFORM:
        return llrint(-jitter + 2.0 * jitter * share);
    case NORMAL:
        variation = share > 0.0 ? fmax(-LARGEST, fmin(LARGEST, normal_quantile(share))) : -LARGEST;
        break;
    case PARETO:
        variation = fmin(LARGEST, (pow(1.0 - share, -1.0 / PARETO_SHAPE) - PARETO_MEAN) * PARETO_WIDTH);
        break;
    }
    return llrint(jitter * variation);
}

bool draw_loss(struct twister *source, struct losses *losses)
{
    if (losses->how == NOTHING)
        return false;
    if (losses->how == EACH_BY_ITSELF)
        return draw(source) < losses->ratio;
    int state = losses->bad;
    if (draw(source) < losses->leaves[state])
        losses->bad = 1 - state;
    return draw(source) < losses->loses[state];
}
