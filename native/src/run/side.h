/* One of the two sockets of a relayed connection, and the bytes that wait for it. */
#ifndef DHARMA_RUN_SIDE_H
#define DHARMA_RUN_SIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Held per direction at most, and only for a side that does not keep up. */
#define SIDE_BUFFER 65536

/* What an epoll event of the relay belongs to; first member of both kinds. */
enum relay_kind { RELAY_LISTENER, RELAY_SIDE };

struct link;

/* `pending` is what was read from the other side and is still to be written here. 0 <= start <= end <= SIDE_BUFFER. */
struct side {
    enum relay_kind kind;
    struct link *link;
    int fd;
    uint32_t events; /* what epoll was asked for; 0: not registered */
    bool ended;      /* end of stream was read */
    bool shut;       /* the other's end was passed on */
    char *pending;
    size_t start, end;
};

void side_close(struct side *side);
/* Writes what is pending. False: the side is broken. */
bool side_flush(struct side *to);
/* Carries bytes one way until the source has no more or the target takes no more, and the end of the stream after
 * them. `scratch` has SIDE_BUFFER bytes. False: a side is broken. */
bool side_carry(struct side *from, struct side *to, char *scratch);
/* What epoll should be asked for. */
uint32_t side_wanted(const struct side *side, const struct side *other);

#endif
