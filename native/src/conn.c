#include "conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "worker.h"

static void on_event(struct watch *watch, uint32_t events) {
    struct conn *c = CONTAINER_OF(watch, struct conn, watch);
    if (events & EPOLLIN) c->readable = c->arrived = true;
    if (events & EPOLLOUT) c->writable = true;
    if (events & EPOLLRDHUP) c->hup = c->readable = c->arrived = true;
    if (events & (EPOLLHUP | EPOLLERR)) {
        c->hup = c->readable = c->arrived = c->writable = true;
        if (events & EPOLLERR) c->cut = !c->connecting;  // HUP alone: both sides have shut down in good order
    }
    if (c->writable && conn_unsent(c)) conn_mark_dirty(c);
    c->run(c);
}

static void init(struct conn *c, struct worker *w, int fd, void (*run)(struct conn *c), void (*free_fn)(struct conn *c), void (*expire)(struct timer *t, uint64_t now)) {
    c->watch = (struct watch){fd, on_event};
    c->worker = w;
    c->run = run;
    c->free = free_fn;
    timer_init(&c->timer, expire);
    list_init(&c->dirty);
    list_init(&c->again);
}

void conn_open_layer(struct conn *c, struct worker *w, const struct conn_layer *layer, void (*run)(struct conn *c), void (*free_fn)(struct conn *c), void (*expire)(struct timer *t, uint64_t now)) {
    init(c, w, -1, run, free_fn, expire);
    c->layer = layer;
    c->writable = true;
}

bool conn_open(struct conn *c, struct worker *w, int fd, void (*run)(struct conn *c), void (*free_fn)(struct conn *c), void (*expire)(struct timer *t, uint64_t now)) {
    init(c, w, fd, run, free_fn, expire);
    if (loop_add(&w->loop, &c->watch)) return true;
    close(fd);
    c->watch.fd = -1;
    return false;
}

void conn_close(struct conn *c) {
    if (c->closed) return;
    c->closed = true;
    if (c->layer) c->layer->close(c, c->reset);
    if (c->watch.fd >= 0) close(c->watch.fd);
    c->watch.fd = -1;
    wheel_cancel(&c->timer);
    list_remove(&c->dirty);
    list_remove(&c->again);
    list_push(&c->worker->dead, &c->dirty);
    if (c->in) chunk_unref(c->in);
    c->in = NULL;
    outq_clear(&c->out);
}

void conn_use(struct conn *c, size_t n) {
    BUG_ON(n > conn_unread(c));
    c->in_pos += (uint32_t)n;
    if (c->in && c->in_pos == c->in->fill) {
        chunk_unref(c->in);
        c->in = NULL;
        c->in_pos = 0;
    }
}

/** Less room than this is not worth a system call: what is unread moves to a new chunk, or has to be used first. */
#define ROOM_MIN 2048u

/** Makes room behind the unread bytes. false: it would take more than `contiguous` bytes, or they may not be moved. */
static bool make_room(struct conn *c, size_t contiguous) {
    struct chunk_pool *pool = &c->worker->chunks;
    if (!c->in) {
        // A head stays in a chunk of ordinary size, a body that fills one goes on in larger ones.
        c->in = c->bulk && !contiguous ? chunk_new_sized(pool, CHUNK_BULK_BYTES) : chunk_new(pool);
        c->in_pos = 0;
        return true;
    }
    if (c->in->cap - c->in->fill >= ROOM_MIN) return true;
    size_t unread = conn_unread(c);
    if (unread >= contiguous) return false;
    struct chunk *bigger = chunk_new_sized(pool, unread + ROOM_MIN <= CHUNK_BYTES ? CHUNK_BYTES : unread * 2);
    memcpy(bigger->data, conn_bytes(c), unread);
    bigger->fill = (uint32_t)unread;
    chunk_unref(c->in);
    c->in = bigger;
    c->in_pos = 0;
    return true;
}

enum conn_fill conn_fill(struct conn *c, size_t contiguous) {
    if (c->eof || c->failed) return FILL_END;
    if (!c->readable) return FILL_NONE;
    if (!make_room(c, contiguous)) return FILL_FULL;
    struct chunk *in = c->in;
    size_t room = in->cap - in->fill;
    ssize_t n = c->layer ? c->layer->read(c, in->data + in->fill, room) : recv(c->watch.fd, in->data + in->fill, room, 0);
    if (LIKELY(n > 0)) {
        in->fill += (uint32_t)n;
        c->bulk = (size_t)n == room;
        // A short read emptied the socket, and what comes later is a new edge. Not so for a FIN already announced.
        if ((size_t)n < room && !c->hup && !c->layer) c->readable = false;
        return FILL_DATA;
    }
    if (in->fill == c->in_pos) conn_use(c, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (errno == EAGAIN && !c->layer) c->readable = false;
        return FILL_NONE;
    }
    c->readable = false;
    // The end of a stream of HTTP/2 says only that the request is whole.
    if (n < 0 || c->watch.fd >= 0) c->hup = true;
    if (n == 0) c->eof = true;
    else c->failed = true;
    return FILL_END;
}

void conn_mark_dirty(struct conn *c) {
    if (list_empty(&c->dirty) && !c->closed) list_push(&c->worker->dirty, &c->dirty);
}

void conn_run_again(struct conn *c) {
    if (list_empty(&c->again) && !c->closed) list_push(&c->worker->again, &c->again);
}

/** The kernel sends from the page cache. A file that is shorter than it was is an error: what was announced cannot be kept. */
static ssize_t write_file(const struct conn *c, const struct segment *s) {
    off_t at = (off_t)s->at;
    ssize_t n = sendfile(c->watch.fd, s->file, &at, s->n);
    if (n == 0) errno = EIO;
    return n ? n : -1;
}

/** Writes the first segments: bytes in memory up to those of a file, or these. @param wanted fewer written: the socket is full */
static ssize_t write_some(struct conn *c, size_t *wanted) {
    unsigned count = c->out.count - c->out.next, n = 0;
    struct segment first = outq_unsent(&c->out, 0);
    *wanted = first.n;
    if (UNLIKELY(first.file >= 0)) {
        // Whatever came of it, only the next try tells a full socket from a file's end.
        *wanted = 0;
        return write_file(c, &first);
    }
    if (LIKELY(count == 1)) return send(c->watch.fd, first.p, first.n, MSG_NOSIGNAL);
    struct iovec iov[OUTQ_SEGMENTS];
    *wanted = 0;
    for (struct segment s = first; s.file < 0; s = outq_unsent(&c->out, n)) {
        iov[n++] = (struct iovec){(void *)(uintptr_t)s.p, s.n};
        *wanted += s.n;
        if (n == count) break;
    }
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
    return sendmsg(c->watch.fd, &msg, n < count ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
}

void conn_flush(struct conn *c) {
    if (c->layer) {
        c->layer->flush(c);
        return;
    }
    while (c->out.bytes && c->writable && !c->connecting && !c->cut) {
        size_t wanted;
        ssize_t n = write_some(c, &wanted);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) {
                c->writable = false;
                return;
            }
            c->cut = c->hup = c->readable = true;
            return;
        }
        outq_consume(&c->out, (size_t)n);
        // A short write filled the socket; asking again would only say EAGAIN, and the edge comes all the same.
        if ((size_t)n < wanted) c->writable = false;
    }
}

void conn_probe(struct conn *c) {
    int on = 1, idle = 60, interval = 15, count = 4;
    setsockopt(c->watch.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(c->watch.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(c->watch.fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(c->watch.fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

void conn_reset_on_close(struct conn *c) {
    c->reset = true;
    if (c->watch.fd < 0) return;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void conn_shutdown(struct conn *c) {
    if (c->layer) c->layer->shutdown(c);
    else shutdown(c->watch.fd, SHUT_WR);
}

bool conn_is_stale(const struct conn *c) {
    char byte;
    ssize_t n = recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || errno != EAGAIN;
}
