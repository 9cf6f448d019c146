#include "side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Then other connections get their turn. */
enum { READS_PER_TURN = 8 };

void side_close(struct side *side)
{
    if (side->fd >= 0)
        close(side->fd);
    side->fd = -1;
    free(side->pending);
    side->pending = NULL;
}

static bool would_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Writes what it can; the rest of `data` is kept. False: the side is broken. */
static bool deliver(struct side *to, const char *data, size_t size)
{
    ssize_t written = send(to->fd, data, size, MSG_NOSIGNAL);

    if (written < 0 && !would_wait(errno))
        return false;
    if (written < 0)
        written = 0;
    if ((size_t)written == size)
        return true;
    if (to->pending == NULL && (to->pending = malloc(SIDE_BUFFER)) == NULL)
        return false;
    to->start = 0;
    to->end = size - (size_t)written;
    memcpy(to->pending, data + written, to->end);
    return true;
}

bool side_flush(struct side *to)
{
    while (to->start < to->end) {
        ssize_t written = send(to->fd, to->pending + to->start, to->end - to->start, MSG_NOSIGNAL);
        if (written < 0)
            return would_wait(errno);
        to->start += (size_t)written;
    }
    return true;
}

bool side_carry(struct side *from, struct side *to, char *scratch)
{
    for (int turn = 0; turn < READS_PER_TURN && !from->ended && to->start == to->end; turn++) {
        ssize_t size = recv(from->fd, scratch, SIDE_BUFFER, 0);
        if (size < 0)
            return would_wait(errno);
        if (size == 0)
            from->ended = true;
        else if (!deliver(to, scratch, (size_t)size))
            return false;
    }
    if (from->ended && to->start == to->end && !to->shut) {
        to->shut = true;
        /* The peer may be gone already; reading will tell. */
        (void)shutdown(to->fd, SHUT_WR);
    }
    return true;
}

uint32_t side_wanted(const struct side *side, const struct side *other)
{
    return (side->start < side->end ? EPOLLOUT : 0U) | (!side->ended && other->start == other->end ? EPOLLIN : 0U);
}
