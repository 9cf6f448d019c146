#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "exchange.h"
#include "listener.h"
#include "tls.h"
#include "upstream.h"

/** Flush rounds before the kernel is asked for events again: a flush can make room for more output. */
#define ROUNDS_MAX 8u

_Atomic unsigned worker_connections;
unsigned worker_connections_most = UINT_MAX;

struct lease *worker_lease(struct worker *w) {
    w->lease->users++;
    return w->lease;
}

void worker_release(struct lease *lease) {
    BUG_ON(!lease->users);
    if (--lease->users) return;
    snapshot_unref(lease->snapshot);
    free(lease);
}

static struct lease *new_lease(struct snapshot *s) {
    struct lease *l = base_alloc(sizeof *l);
    *l = (struct lease){s, 1};
    return l;
}

struct span worker_date(struct worker *w) {
    time_t now = time(NULL);
    if ((uint64_t)now != w->date_second) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(w->date, sizeof w->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        w->date_second = (uint64_t)now;
    }
    return (struct span){w->date, 29};
}

static void resume_accepting(struct worker *w) {
    if (!w->accept_paused || w->draining) return;
    w->accept_paused = false;
    wheel_cancel(&w->accept_again);
    for (unsigned i = 0; i < w->listener_count; i++) BUG_ON(!loop_add_level(&w->loop, &w->listeners[i].watch));
}

static void accept_again(struct timer *t, uint64_t now) {
    (void)now;
    resume_accepting(CONTAINER_OF(t, struct worker, accept_again));
}

void worker_client_gone(struct worker *w) {
    worker_connections--;
    resume_accepting(w);
}

/** Takes capture's settings from the snapshot in force. */
static void apply_capture(struct worker *w, bool listened) {
    const struct config *c = worker_config(w);
    w->tee.on = c->capture && listened;
    w->tee.max_body = c->capture_max_body;
    w->tee.max_queue = c->capture_queue;
}

static void adopt(struct worker *w, struct snapshot *next) {
    struct lease *old = w->lease;
    w->lease = new_lease(next);
    upstream_close_removed(w);
    queue_adopt(w);
    health_adopt(w);
    worker_release(old);
    w->adopted = next->serial;
    struct parcel *p = base_zalloc(sizeof *p);  // an empty one: only wakes the control thread
    mailbox_post(&mailbox_control, p);
}

static void stop_listening(struct worker *w) {
    for (unsigned i = 0; i < w->listener_count; i++) {
        if (!w->accept_paused) loop_remove(&w->loop, &w->listeners[i].watch);
        close(w->listeners[i].watch.fd);
        w->listeners[i].watch.fd = -1;
    }
}

/** @param at_once idle clients are closed; else they are told to go with their next answer, which no request can cross */
static void begin_drain(struct worker *w, bool at_once) {
    if (w->draining && (w->dismissed || !at_once)) return;
    if (!w->draining) stop_listening(w);
    w->draining = true;
    w->dismissed = at_once;
    for (struct list *l = w->clients.next, *next; l != &w->clients; l = next) {
        next = l->next;
        struct client *c = CONTAINER_OF(l, struct client, link);
        if (at_once || c->h2) client_drain(c);
    }
}

static void post_telemetry(struct worker *w) {
    struct frame_buffer out;
    frame_buffer_init(&out);
    telemetry_encode(w, &out);
    struct parcel *p = base_zalloc(sizeof *p);
    *p = (struct parcel){.kind = PARCEL_TELEMETRY, .size = out.size, .data = out.data, .data_size = (uint32_t)out.size};
    // After the exchanges it counts, so that a reader never sees a count before its records.
    tee_flush(&w->tee);
    mailbox_post(&mailbox_control, p);
}

static void take_orders(struct watch *watch, uint32_t events) {
    struct worker *w = CONTAINER_OF(watch, struct worker, wake);
    uint64_t ignored;
    (void)events;
    ssize_t n = read(watch->fd, &ignored, sizeof ignored);
    (void)n;
    pthread_mutex_lock(&w->orders.lock);
    struct snapshot *next = w->orders.next;
    bool drain = w->orders.drain, yield = w->orders.yield, capture = w->orders.capture, telemetry = w->orders.telemetry;
    w->stopping = w->orders.stop;
    w->orders.next = NULL;
    w->orders.telemetry = false;
    pthread_mutex_unlock(&w->orders.lock);
    if (next) adopt(w, next);
    // Another worker's request may have ended.
    w->queue.due = w->queue.count != 0;
    w->cache.due = !list_empty(&w->cache.waiting) || !list_empty(&w->cache.spilling);
    apply_capture(w, capture);
    if (drain) begin_drain(w, !yield);
    if (telemetry) post_telemetry(w);
}

static bool has_work(const struct worker *w) { return !list_empty(&w->dirty) || !list_empty(&w->again) || UNLIKELY(w->queue.due || w->cache.due); }

/** Runs what asked to be run, then writes everything that waits to be written: the "before sleep" of the loop. */
static void flush_round(struct worker *w) {
    struct list todo;
    struct list *l;
    list_init(&todo);
    list_splice(&todo, &w->again);
    while ((l = list_shift(&todo))) {
        struct conn *c = CONTAINER_OF(l, struct conn, again);
        c->run(c);
    }
    if (UNLIKELY(w->queue.due)) queue_serve(w);
    if (UNLIKELY(w->cache.due)) cache_turn(w);
    list_splice(&todo, &w->dirty);
    while ((l = list_shift(&todo))) {
        struct conn *c = CONTAINER_OF(l, struct conn, dirty);
        conn_flush(c);
        bool room = c->wants_room && outq_has_room(&c->out);
        if (LIKELY(!room && !c->cut)) continue;
        c->wants_room = false;
        c->run(c);
    }
}

static void bury(struct worker *w) {
    struct list *l;
    while ((l = list_shift(&w->dead))) {
        struct conn *c = CONTAINER_OF(l, struct conn, dirty);
        c->free(c);
    }
}

void worker_turn(struct worker *w, int timeout_ms) {
    loop_run_once(&w->loop, timeout_ms);
    wheel_advance(&w->wheel, w->loop.now);
    for (unsigned i = 0; i < ROUNDS_MAX && has_work(w); i++) flush_round(w);
    tee_turn(&w->tee, w->loop.now);
    bury(w);
}

/** How long the loop may sleep, ms; -1 for ever. */
static int sleep_ms(const struct worker *w) {
    if (has_work(w)) return 0;
    int timers = wheel_wait_ms(&w->wheel, w->loop.now), tee = tee_wait_ms(&w->tee, w->loop.now);
    return timers < 0 || (tee >= 0 && tee < timers) ? tee : timers;
}

static void close_all(struct worker *w) {
    while (!list_empty(&w->clients)) {
        struct client *c = CONTAINER_OF(w->clients.next, struct client, link);
        if (c->x) exchange_abort(c->x, false);
        else client_close(c);
    }
    health_stop(w);
    cache_worker_stop(w);
    while (!list_empty(&w->upstreams)) upstream_close(CONTAINER_OF(w->upstreams.next, struct upstream, link));
    bury(w);
    tee_flush(&w->tee);
    BUG_ON(w->queue.count || w->charges || w->open_charges || w->telemetry.open_requests);
}

static void *thread_main(void *data) {
    struct worker *w = data;
    while (!w->stopping && !(w->draining && list_empty(&w->clients))) worker_turn(w, sleep_ms(w));
    begin_drain(w, true);
    close_all(w);
    post_telemetry(w);
    w->ended = true;
    mailbox_post(&mailbox_control, base_zalloc(sizeof(struct parcel)));
    return NULL;
}

static void take_listeners(struct worker *w, const struct listening *sockets, unsigned count) {
    w->listeners = base_zalloc(count * sizeof *w->listeners);
    for (unsigned i = 0; i < count; i++) {
        if (sockets[i].worker != w->index) continue;
        struct listener *l = &w->listeners[w->listener_count++];
        *l = (struct listener){{sockets[i].fd, listener_accept}, w, sockets[i].listen};
        BUG_ON(!loop_add_level(&w->loop, &l->watch));
    }
}

struct worker *worker_new(unsigned index, struct snapshot *snapshot, const struct listening *sockets, unsigned count) {
    struct worker *w = base_zalloc(sizeof *w);
    w->index = index;
    loop_init(&w->loop);
    wheel_init(&w->wheel, w->loop.now);
    list_init(&w->dirty);
    list_init(&w->again);
    list_init(&w->dead);
    list_init(&w->clients);
    list_init(&w->upstreams);
    timer_init(&w->accept_again, accept_again);
    telemetry_init(&w->telemetry, w->loop.now);
    queue_init(&w->queue, w);
    cache_worker_init(w);
    health_init(&w->health);
    tee_init(&w->tee, index);
    w->lease = new_lease(snapshot_ref(snapshot));
    apply_capture(w, false);
    // No process before this one on this machine has used them: none made one a microsecond all its life.
    w->next_id = loop_clock() / 1000u & (((uint64_t)1 << 48) - 1);
    health_adopt(w);
    w->adopted = snapshot->serial;
    pthread_mutex_init(&w->orders.lock, NULL);
    w->wake = (struct watch){eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), take_orders};
    BUG_ON(w->wake.fd < 0 || !loop_add_level(&w->loop, &w->wake));
    take_listeners(w, sockets, count);
    return w;
}

void worker_start(struct worker *w) {
    int r = pthread_create(&w->thread, NULL, thread_main, w);
    BUG_ON(r);
}

void worker_order(struct worker *w, void (*change)(struct worker_orders *orders, void *data), void *data) {
    uint64_t one = 1;
    pthread_mutex_lock(&w->orders.lock);
    change(&w->orders, data);
    pthread_mutex_unlock(&w->orders.lock);
    BUG_ON(write(w->wake.fd, &one, sizeof one) != sizeof one);
}

void worker_join(struct worker *w) {
    pthread_join(w->thread, NULL);
    if (w->orders.next) snapshot_unref(w->orders.next);
    tee_close(&w->tee);
    telemetry_close(&w->telemetry, w->index);
    worker_release(w->lease);
    while (w->spare) {
        struct exchange *x = w->spare;
        w->spare = x->next_spare;
        free(x);
    }
    BUG_ON(w->chunks.live);
    chunk_pool_clear(&w->chunks);
    tls_worker_end(w);
    close(w->wake.fd);
    loop_close(&w->loop);
    free(w->listeners);
    free(w);
}
