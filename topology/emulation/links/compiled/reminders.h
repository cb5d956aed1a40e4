/* A binary heap of things to do at their time; of those at the same time, the lower number first. */
#ifndef ONEHOP_REMINDERS_H
#define ONEHOP_REMINDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reminder {
    int64_t due_ns;
    uint64_t number;
    void *of;
};

struct reminders {
    struct reminder *all; /* the first is due first */
    size_t count;
    size_t room;
};

/* Have room for so many; false where there is no memory. */
bool reminders_reserve(struct reminders *heap, size_t room);

/* False where there is no room and no memory; nothing is changed then. */
bool reminders_add(struct reminders *heap, struct reminder added);

/* Put `other` in the place of the first. */
void reminders_replace(struct reminders *heap, struct reminder other);

/* Remove the first. */
void reminders_drop(struct reminders *heap);

#endif
