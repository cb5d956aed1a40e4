/* The delay line's loop: read what has arrived, send what is due, wait in between.
 *
 * What pythoncore.py does in Python, with many frames to a system call. Python opens the sockets, hears the
 * requests and looks after the priority; it calls line_carry, which comes back whenever there is something
 * for it to do. One thread only, and no call while line_carry runs. */
#ifndef ONEHOP_LINE_H
#define ONEHOP_LINE_H

#include "queue.h"

enum { FOR_REQUEST = 1, FOR_PRIORITY = 2 }; /* why line_carry came back */

struct line;

/* The digest of the sources this was built from. */
const char *core_sources(void);

/* A line that comes back when `control` is readable; NULL and errno where there are no resources. */
struct line *line_new(int control);

/* Carry what arrives at `source`, by `queue`, to `sink`; both stay Python's. 0, or errno. */
int line_add(struct line *line, int source, int sink, struct queue *queue);

/* Whether packets of a flow may be joined: only where the kernel splits them before they leave. */
void line_set_joins(struct line *line, int joins);

/* Arrivals may be left unread for so long in dense traffic. */
void line_set_nap(struct line *line, int64_t nap_ns);

/* Whether the kernel has taken all that was joined; if not, the line has no time to give way to others. */
int line_gives_way(const struct line *line);

/* How long before a frame is due it asks to be woken. */
int64_t line_lead_ns(const struct line *line);

/* Carry frames until there is a request to hear, or, when busy, until the priority wants looking after. */
int line_carry(struct line *line);

#endif
