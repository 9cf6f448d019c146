#include "cache_worker.h"

#include <unistd.h>

#include "cache_fetch.h"
#include "cache_object.h"
#include "cache_visit.h"
#include "worker.h"

static struct worker *workers[QUEUE_WORKERS];

void cache_worker_init(struct worker *w) {
    list_init(&w->cache.waiting);
    list_init(&w->cache.fetches);
    workers[w->index] = w;
}

void cache_notify(struct cache_object *o) {
    uint64_t mask = o->waiting ? atomic_exchange(&o->waiting, 0) : 0, one = 1;
    for (unsigned i = 0; mask; i++, mask >>= 1) {
        if (!(mask & 1)) continue;
        ssize_t n = write(workers[i]->wake.fd, &one, sizeof one);
        (void)n;  // a counter that is full wakes too
    }
}

void cache_expect(struct worker *w, struct cache_object *o) { atomic_fetch_or(&o->waiting, UINT64_C(1) << w->index); }

void cache_turn(struct worker *w) {
    struct list todo, *l;
    w->cache.due = false;
    list_init(&todo);
    list_splice(&todo, &w->cache.waiting);
    while ((l = list_shift(&todo))) cache_visit_run(CONTAINER_OF(l, struct cache_visit, link)->x);
}

void cache_worker_stop(struct worker *w) {
    while (!list_empty(&w->cache.fetches)) client_close(CONTAINER_OF(w->cache.fetches.next, struct client, link));
}
