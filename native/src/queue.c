#include "queue.h"

#include <pthread.h>
#include <unistd.h>

#include "dispatch.h"
#include "reply.h"
#include "worker.h"

/** Lanes blocked in one look at the queue that are remembered; with more a waiter behind is merely tried in vain. */
#define BLOCKED_MAX 16u

struct queue_lane {
    struct list link;
    unsigned refs;
    uint64_t class;
    _Atomic uint32_t waiting;
    _Atomic uint64_t oldest[QUEUE_WORKERS];  // since when the worker's first waiter waits; 0: it has none
};

struct waiter {
    struct list link;
    struct exchange *x;
    struct queue_lane *lane;
    struct timer deadline;
    uint64_t since;
    struct outq out;
};

static struct {
    pthread_mutex_t lock;
    struct list lanes;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER, .lanes = {&registry.lanes, &registry.lanes}};

static _Atomic uint32_t waiting_total;
static struct worker *workers[QUEUE_WORKERS];

struct queue_lane *queue_lane_get(uint64_t class) {
    struct queue_lane *found = NULL;
    pthread_mutex_lock(&registry.lock);
    for (struct list *l = registry.lanes.next; l != &registry.lanes && !found; l = l->next)
        if (CONTAINER_OF(l, struct queue_lane, link)->class == class) found = CONTAINER_OF(l, struct queue_lane, link);
    if (!found) {
        found = base_zalloc(sizeof *found);
        found->class = class;
        list_push(&registry.lanes, &found->link);
    }
    found->refs++;
    pthread_mutex_unlock(&registry.lock);
    return found;
}

void queue_lane_unref(struct queue_lane *lane) {
    pthread_mutex_lock(&registry.lock);
    bool last = --lane->refs == 0;
    if (last) list_remove(&lane->link);
    pthread_mutex_unlock(&registry.lock);
    if (!last) return;
    // A waiter's snapshot holds the lane.
    BUG_ON(lane->waiting);
    free(lane);
}

bool queue_is_used(const struct queue_lane *lane) { return UNLIKELY(lane->waiting != 0); }

unsigned queue_retry_after(const struct queue_lane *lane, const struct worker *w) {
    const struct snapshot *s = w->lease->snapshot;
    uint64_t slots = 0, average = account_expect(s->endpoints[0].account, NULL, w->loop.now);
    for (unsigned i = 0; i < s->node_count; i++)
        if (s->nodes[i].active && (!lane->class || s->nodes[i].class == lane->class)) slots += s->nodes[i].account->capacity;
    for (unsigned i = 0; i < s->endpoint_count; i++) {
        uint64_t known = s->endpoints[i].lane == lane ? s->endpoints[i].account->average : 0;
        if (known > average || !i) average = known ? known : average;
    }
    uint64_t ns = slots ? (lane->waiting + 1) * average / slots : 0, seconds = ns / 1000000000u + 1;
    return seconds < 60 ? (unsigned)seconds : 60;
}

void queue_init(struct queue *q, struct worker *w) {
    list_init(&q->waiters);
    workers[w->index] = w;
}

static void wake(struct worker *other) {
    uint64_t one = 1;
    ssize_t n = write(other->wake.fd, &one, sizeof one);
    (void)n;  // a counter that is full wakes too
}

/** Somebody else's turn may have come. */
static void wake_others(const struct worker *w) {
    if (waiting_total == w->queue.count) return;
    for (unsigned i = 0; i < account_workers(); i++)
        if (i != w->index && workers[i]) wake(workers[i]);
}

/** Tells the others since when this worker's first waiter of the lane waits. One that was tried before is in nobody's way. */
static void publish(struct worker *w, struct queue_lane *lane) {
    uint64_t since = 0;
    for (struct list *l = w->queue.waiters.next; l != &w->queue.waiters && !since; l = l->next) {
        const struct waiter *first = CONTAINER_OF(l, struct waiter, link);
        if (first->lane == lane && !first->x->balance.tried_count) since = first->since;
    }
    if (atomic_exchange(&lane->oldest[w->index], since) != since) wake_others(w);
}

static void expire(struct timer *t, uint64_t now) {
    struct waiter *q = CONTAINER_OF(t, struct waiter, deadline);
    (void)now;
    dispatch_unserved(q->x, q->lane);
}

bool queue_put(struct exchange *x, struct outq *out) {
    struct worker *w = x->client->conn.worker;
    const struct snapshot *s = x->lease->snapshot;
    struct queue_lane *lane = s->endpoints[x->balance.endpoint].lane;
    if (lane->waiting >= s->config->limits.queue) return false;
    struct waiter *q = base_zalloc(sizeof *q);
    q->x = x;
    q->lane = lane;
    if (!x->queued_at) x->queued_at = w->loop.now;
    q->since = x->queued_at;
    // Its client is not to be blamed for a body that nobody takes.
    if (!x->request.done && !x->paused_at) x->paused_at = w->loop.now;
    outq_init(&q->out);
    outq_move(&q->out, out);
    x->waiter = q;
    // One that got no node after all has kept its place.
    struct list *after = w->queue.waiters.prev;
    while (after != &w->queue.waiters && CONTAINER_OF(after, struct waiter, link)->since > q->since) after = after->prev;
    list_insert(after->next, &q->link);
    w->queue.count++;
    timer_init(&q->deadline, expire);
    wheel_set(&w->wheel, &q->deadline, q->since + s->config->limits.queue_timeout);
    lane->waiting++;
    waiting_total++;
    // What became free before the others could see this waiter woke nobody: look once more.
    w->queue.due = true;
    publish(w, lane);
    return true;
}

/** Takes it out of the queue; what it wanted to send goes to `out`. */
static void take_out(struct worker *w, struct waiter *q, struct outq *out) {
    list_remove(&q->link);
    wheel_cancel(&q->deadline);
    q->x->waiter = NULL;
    w->queue.count--;
    waiting_total--;
    q->lane->waiting--;
    outq_move(out, &q->out);
    publish(w, q->lane);
    outq_clear(&q->out);
    free(q);
}

void queue_drop(struct exchange *x) {
    struct outq out;
    if (LIKELY(!x->waiter)) return;
    outq_init(&out);
    take_out(x->client->conn.worker, x->waiter, &out);
    outq_clear(&out);
}

void queue_node_freed(struct worker *w) {
    if (LIKELY(!waiting_total)) return;
    w->queue.due = w->queue.count != 0;
    wake_others(w);
}

/** Whether another worker has somebody in the lane who has waited longer. */
static bool gives_way(const struct worker *w, const struct waiter *q) {
    for (unsigned i = 0; i < account_workers(); i++) {
        uint64_t since = q->lane->oldest[i];
        if (i != w->index && since && (since < q->since || (since == q->since && i < w->index))) return true;
    }
    return false;
}

static bool is_blocked(struct queue_lane *const *blocked, unsigned count, const struct queue_lane *lane) {
    for (unsigned i = 0; i < count; i++)
        if (blocked[i] == lane) return true;
    return false;
}

void queue_serve(struct worker *w) {
    struct queue_lane *blocked[BLOCKED_MAX];
    unsigned blocked_count = 0;
    w->queue.due = false;
    for (struct list *l = w->queue.waiters.next, *next; l != &w->queue.waiters; l = next) {
        struct waiter *q = CONTAINER_OF(l, struct waiter, link);
        next = l->next;
        if (is_blocked(blocked, blocked_count, q->lane)) continue;
        if (gives_way(w, q) || dispatch_must_wait(q->x)) {
            if (blocked_count < BLOCKED_MAX) blocked[blocked_count++] = q->lane;
            continue;
        }
        struct exchange *x = q->x;
        struct outq out;
        outq_init(&out);
        take_out(w, q, &out);
        struct client *c = x->client;
        dispatch(x, &out, true);
        // What of its body came meanwhile lies unread, and wakes nobody.
        if (c->x == x && !x->request.done && !x->waiter) exchange_run(x);
        // Serving may end exchanges, others that wait among them: begin anew.
        next = w->queue.waiters.next;
    }
}

void queue_adopt(struct worker *w) {
    for (struct list *l = w->queue.waiters.next; l != &w->queue.waiters; l = l->next) {
        struct waiter *q = CONTAINER_OF(l, struct waiter, link);
        struct queue_lane *before = q->lane;
        dispatch_change_lease(q->x);
        const struct snapshot *s = q->x->lease->snapshot;
        q->lane = s->endpoints[q->x->balance.endpoint].lane;
        if (q->lane == before) continue;
        before->waiting--;
        q->lane->waiting++;
        publish(w, before);
        publish(w, q->lane);
    }
    w->queue.due = true;
}
