#include "cache_worker.h"

#include <pthread.h>
#include <unistd.h>

#include "cache_fetch.h"
#include "cache_object.h"
#include "cache_visit.h"
#include "worker.h"

/** The disk's thread outlives the workers. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct worker *workers[QUEUE_WORKERS];

static void set_worker(unsigned index, struct worker *w) {
    pthread_mutex_lock(&lock);
    workers[index] = w;
    pthread_mutex_unlock(&lock);
}

void cache_worker_init(struct worker *w) {
    list_init(&w->cache.waiting);
    list_init(&w->cache.fetches);
    list_init(&w->cache.spilling);
    set_worker(w->index, w);
}

void cache_notify(struct cache_object *o) {
    uint64_t mask = o->waiting ? atomic_exchange(&o->waiting, 0) : 0, one = 1;
    if (LIKELY(!mask)) return;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; mask; i++, mask >>= 1) {
        if (!(mask & 1) || !workers[i]) continue;
        ssize_t n = write(workers[i]->wake.fd, &one, sizeof one);
        (void)n;  // a counter that is full wakes too
    }
    pthread_mutex_unlock(&lock);
}

void cache_expect(struct worker *w, struct cache_object *o) { atomic_fetch_or(&o->waiting, UINT64_C(1) << w->index); }

void cache_turn(struct worker *w) {
    struct list todo, *l;
    w->cache.due = false;
    for (l = w->cache.spilling.next; l != &w->cache.spilling; l = l->next) conn_mark_dirty(&CONTAINER_OF(l, struct cache_fetch, spilling)->client.conn);
    list_init(&todo);
    list_splice(&todo, &w->cache.waiting);
    while ((l = list_shift(&todo))) cache_visit_run(CONTAINER_OF(l, struct cache_visit, link)->x);
}

void cache_worker_stop(struct worker *w) {
    while (!list_empty(&w->cache.fetches)) client_close(CONTAINER_OF(w->cache.fetches.next, struct client, link));
    set_worker(w->index, NULL);
}
