#include "reminders.h"

#include <stdlib.h>

static bool sooner(const struct reminder *one, const struct reminder *other)
{
    if (one->due_ns != other->due_ns)
        return one->due_ns < other->due_ns;
    return one->number < other->number;
}

bool reminders_reserve(struct reminders *heap, size_t room)
{
    if (room <= heap->room)
        return true;
    struct reminder *all = realloc(heap->all, room * sizeof *all);
    if (!all)
        return false;
    heap->all = all;
    heap->room = room;
    return true;
}

bool reminders_add(struct reminders *heap, struct reminder added)
{
    if (heap->count == heap->room && !reminders_reserve(heap, heap->room ? 2 * heap->room : 64))
        return false;
    size_t at = heap->count++;
    while (at && sooner(&added, &heap->all[(at - 1) / 2])) {
        heap->all[at] = heap->all[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->all[at] = added;
    return true;
}

void reminders_replace(struct reminders *heap, struct reminder other)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && sooner(&heap->all[child + 1], &heap->all[child]))
            child++;
        if (!sooner(&heap->all[child], &other))
            break;
        heap->all[at] = heap->all[child];
        at = child;
    }
    heap->all[at] = other;
}

void reminders_drop(struct reminders *heap)
{
    struct reminder last = heap->all[--heap->count];
    if (heap->count)
        reminders_replace(heap, last);
}
