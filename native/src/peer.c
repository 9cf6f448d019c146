#include "peer.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cache_disk.h"
#include "cache_store.h"
#include "control.h"
#include "frames.h"
#include "handover.h"

#define IOVECS 64u
/** Telemetry may take this much beyond what records may: a stalled reader must not hold all of it for ever. */
#define TELEMETRY_EXTRA (16u << 20)

void peer_parcel_unref(struct parcel *parcel) {
    BUG_ON(!parcel->refs);
    if (--parcel->refs == 0) tee_return(parcel);
}

static void enqueue(struct peer *p, struct parcel *parcel) {
    if (p->queue_count == p->queue_cap) {
        uint32_t cap = p->queue_cap ? p->queue_cap * 2 : 16;
        struct parcel **bigger = base_alloc(cap * sizeof *bigger);
        for (uint32_t i = 0; i < p->queue_count; i++) bigger[i] = p->queue[(p->queue_head + i) % p->queue_cap];
        free(p->queue);
        p->queue = bigger;
        p->queue_cap = cap;
        p->queue_head = 0;
    }
    parcel->refs++;
    p->queue[(p->queue_head + p->queue_count++) % p->queue_cap] = parcel;
    p->queued += parcel->size;
}

/** Queues a small frame of the control thread's own; the buffer is taken over. */
static void enqueue_frame(struct peer *p, struct frame_buffer *frame) {
    struct parcel *parcel = base_zalloc(sizeof *parcel);
    *parcel = (struct parcel){.kind = PARCEL_TELEMETRY, .size = frame->size, .data = frame->data, .data_size = (uint32_t)frame->size};
    enqueue(p, parcel);
}

static uint64_t room_for_records(const struct peer *p) {
    unsigned subscribers = 0;
    for (struct list *l = p->control->peers.next; l != &p->control->peers; l = l->next) subscribers += CONTAINER_OF(l, struct peer, link)->exchanges;
    return p->control->current->config->capture_queue / (subscribers ? subscribers : 1);
}

void peer_offer(struct peer *p, struct parcel *parcel) {
    if (p->closed) return;
    if (parcel->kind == PARCEL_EXCHANGES) {
        if (!p->exchanges) return;
        // With one subscriber the workers' own bound comes first, so this is only about sharing among several.
        if (p->queued && p->queued + parcel->size > room_for_records(p) + TELEMETRY_EXTRA) p->dropped += parcel->exchanges;
        else enqueue(p, parcel);
    } else if (p->telemetry && p->queued < room_for_records(p) + 2 * (uint64_t)TELEMETRY_EXTRA) {
        enqueue(p, parcel);
    }
}

static void say_hello(struct peer *p) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_hello(&out, &(struct frame_hello){.pid = (uint32_t)getpid(), .version = frame_text(DHARMA_VERSION),
                                                   .workers = (uint16_t)p->control->worker_count, .generation = p->control->current->generation});
    enqueue_frame(p, &out);
}

void peer_handed_over(struct peer *p, uint32_t pid) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_handed_over(&out, &(struct frame_handed_over){.pid = pid});
    enqueue_frame(p, &out);
}

static void acknowledge(struct peer *p, uint64_t generation, const struct config_error *error) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_config_ack(&out, &(struct frame_config_ack){.generation = generation, .ok = !error,
                                                            .path = frame_text(error ? error->path : ""), .message = frame_text(error ? error->message : "")});
    enqueue_frame(p, &out);
}

static void take_config(struct peer *p, const struct frame_config *frame) {
    struct config_error error;
    struct config *config = config_parse((const char *)frame->json.data, frame->json.size, &error);
    uint64_t serial = config ? control_publish(p->control, config, frame->generation, &error) : 0;
    if (!serial) {
        acknowledge(p, frame->generation, &error);
        return;
    }
    // Sixteen unanswered configs: the oldest are superseded, and are in force as much as they will ever be.
    if (p->ack_count == PEER_ACKS_MAX) {
        acknowledge(p, p->acks[0].generation, NULL);
        memmove(p->acks, p->acks + 1, --p->ack_count * sizeof *p->acks);
    }
    p->acks[p->ack_count++] = (struct peer_ack){frame->generation, serial};
}

static bool take_subscribe(struct peer *p, struct frame_span payload) {
    struct frame_subscribe s;
    if (frame_decode_subscribe(payload, &s) != FRAME_OK) return false;
    if (s.exchanges && !p->exchanges) p->dropped_seen = tee_dropped_total;
    p->telemetry = s.telemetry;
    p->exchanges = s.exchanges;
    control_subscriptions_changed(p->control);
    return true;
}

static void take_purge(struct peer *p, const struct frame_purge *frame) {
    struct frame_buffer out;
    struct span prefix = {(const char *)frame->prefix.data, frame->prefix.size};
    // Memory first: what is marked there is not written any more.
    uint64_t count = cache_store_purge(prefix);
    count += cache_disk_purge(prefix);
    frame_buffer_init(&out);
    frame_encode_purged(&out, &(struct frame_purged){.prefix = frame->prefix, .count = count});
    enqueue_frame(p, &out);
}

/** false: the peer does not speak our protocol. */
static bool take_frame(struct peer *p, const struct frame_view *view) {
    struct frame_config config;
    struct frame_hand_over hand_over;
    struct frame_purge purge;
    switch (view->type) {
        case FRAME_SUBSCRIBE: return take_subscribe(p, view->payload);
        case FRAME_HAND_OVER:
            if (frame_decode_hand_over(view->payload, &hand_over) != FRAME_OK) return false;
            // The descriptors must not overtake what is queued, nor wait behind it.
            peer_pump(p);
            return !p->closed && !p->queue_count && handover_answer(p->control, p->watch.fd, hand_over.ready);
        case FRAME_PURGE:
            if (frame_decode_purge(view->payload, &purge) != FRAME_OK) return false;
            take_purge(p, &purge);
            return true;
        case FRAME_CONFIG:
            if (frame_decode_config(view->payload, &config) != FRAME_OK) return false;
            take_config(p, &config);
            return true;
        default: return false;  // only the proxy sends the others
    }
}

static bool take_frames(struct peer *p) {
    size_t used = 0;
    for (;;) {
        struct frame_view view;
        enum frame_result r = frame_peek(p->in + used, p->in_size - used, &view);
        if (r == FRAME_INCOMPLETE) break;
        if (r != FRAME_OK || !take_frame(p, &view)) return false;
        used += view.total;
    }
    if (used) memmove(p->in, p->in + used, p->in_size -= used);
    return true;
}

static bool read_some(struct peer *p) {
    for (;;) {
        if (p->in_size == p->in_cap) {
            p->in_cap = p->in_cap ? p->in_cap * 2 : 16384;
            p->in = base_realloc(p->in, p->in_cap);
        }
        ssize_t n = recv(p->watch.fd, p->in + p->in_size, p->in_cap - p->in_size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return true;
        if (n <= 0) return false;
        p->in_size += (size_t)n;
        if (!take_frames(p)) return false;
    }
}

static void on_event(struct watch *watch, uint32_t events) {
    struct peer *p = CONTAINER_OF(watch, struct peer, watch);
    if (events & EPOLLOUT) p->writable = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) && !read_some(p)) {
        peer_close(p);
        return;
    }
    peer_pump(p);
}

void peer_open(struct control *c, int fd) {
    struct peer *p = base_zalloc(sizeof *p);
    p->watch = (struct watch){fd, on_event};
    p->control = c;
    if (!loop_add(&c->loop, &p->watch)) {
        close(fd);
        free(p);
        return;
    }
    list_push(&c->peers, &p->link);
    say_hello(p);
}

void peer_close(struct peer *p) {
    if (p->closed) return;
    p->closed = true;
    close(p->watch.fd);
    p->watch.fd = -1;
    while (p->queue_count--) {
        peer_parcel_unref(p->queue[p->queue_head]);
        p->queue_head = (p->queue_head + 1) % p->queue_cap;
    }
    p->queue_count = 0;
    list_remove(&p->link);
    list_push(&p->control->dead, &p->link);
    control_subscriptions_changed(p->control);
}

void peer_free(struct peer *p) {
    free(p->in);
    free(p->queue);
    free(p);
}

/** Adds a parcel's bytes from `skip` on to the vector; returns how many entries it has now. */
static unsigned add_iovecs(const struct parcel *parcel, size_t skip, struct iovec *iov, unsigned count) {
    if (skip < parcel->data_size) iov[count++] = (struct iovec){parcel->data + skip, parcel->data_size - skip};
    skip = skip > parcel->data_size ? skip - parcel->data_size : 0;
    for (uint32_t i = 0; i < parcel->piece_count && count < IOVECS; i++) {
        const struct segment *s = &parcel->pieces[i];
        if (skip >= s->n) {
            skip -= s->n;
            continue;
        }
        iov[count++] = (struct iovec){(void *)(uintptr_t)(s->p + skip), s->n - skip};
        skip = 0;
    }
    return count;
}

static void consume(struct peer *p, size_t n) {
    p->offset += n;
    while (p->queue_count && p->offset >= p->queue[p->queue_head]->size) {
        struct parcel *first = p->queue[p->queue_head];
        p->offset -= first->size;
        p->queued -= first->size;
        p->queue_head = (p->queue_head + 1) % p->queue_cap;
        p->queue_count--;
        peer_parcel_unref(first);
    }
}

/** Writes once. false: nothing more goes out now, or the peer is gone (closed). */
static bool write_some(struct peer *p) {
    struct iovec iov[IOVECS];
    unsigned count = 0;
    for (uint32_t i = 0; i < p->queue_count && count < IOVECS; i++)
        count = add_iovecs(p->queue[(p->queue_head + i) % p->queue_cap], i ? 0 : p->offset, iov, count);
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    ssize_t n = sendmsg(p->watch.fd, &msg, MSG_NOSIGNAL);
    if (n >= 0) {
        consume(p, (size_t)n);
        return true;
    }
    if (errno == EINTR) return true;
    if (errno == EAGAIN) p->writable = false;
    else peer_close(p);
    return false;
}

/** Tells of records dropped since last time. Only called when the peer reads: there is room again. */
static void tell_drops(struct peer *p) {
    uint64_t total = tee_dropped_total, lost = total - p->dropped_seen + p->dropped;
    if (!p->exchanges || !lost) return;
    p->dropped_seen = total;
    p->dropped = 0;
    struct frame_buffer out;
    frame_buffer_init(&out);
    frame_encode_dropped(&out, &(struct frame_dropped){.count = lost});
    enqueue_frame(p, &out);
}

void peer_pump(struct peer *p) {
    while (p->ack_count && control_in_force(p->control, p->acks[0].serial)) {
        acknowledge(p, p->acks[0].generation, NULL);
        memmove(p->acks, p->acks + 1, --p->ack_count * sizeof *p->acks);
    }
    while (p->writable && !p->closed) {
        if (p->queued < room_for_records(p) / 2) tell_drops(p);
        if (!p->queue_count || !write_some(p)) return;
    }
}
