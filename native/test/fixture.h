/** @file fixture.h Workers without threads, and exchanges without connections, for tests of what stands between the two. */
#pragma once

#include "test.h"

#include "exchange.h"
#include "worker.h"

/** A snapshot of a config. @param more members of the document beside `listen` */
static inline struct snapshot *fixture_snapshot(const char *more) {
    static uint64_t generation;
    static bool done;
    if (!done) account_setup(2);
    done = true;
    char text[2048];
    struct config_error error;
    int n = snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],%s}", more);
    CHECK(n > 0 && (size_t)n < sizeof text);
    struct config *config = config_parse(text, (size_t)n, &error);
    CHECK(config);
    struct snapshot *s = snapshot_build(config, ++generation, NULL, &error);
    CHECK(s);
    return s;
}

/** Gives the worker another snapshot, as a reload does. */
static inline void fixture_adopt(struct worker *w, struct snapshot *s) {
    struct lease *old = w->lease;
    w->lease = base_alloc(sizeof *w->lease);
    *w->lease = (struct lease){s, 1};
    queue_adopt(w);
    worker_release(old);
}

/** A client's request that has come so far that a node is to be chosen. */
struct fixture_asker {
    struct client client;
    struct exchange x;
};

static inline void fixture_ask(struct fixture_asker *a, struct worker *w, unsigned endpoint) {
    *a = (struct fixture_asker){0};
    a->client.conn.worker = w;
    a->x.client = &a->client;
    a->x.lease = worker_lease(w);
    a->x.balance.endpoint = endpoint;
    a->x.request.done = true;
}

static inline void fixture_leave(struct fixture_asker *a) {
    queue_drop(&a->x);
    if (a->x.meter) a->x.meter->open--;
    worker_release(a->x.lease);
}

/** A worker with its lists and loop, without thread, listeners and control. */
static inline void fixture_worker(struct worker *w, struct snapshot *s) {
    *w = (struct worker){0};
    loop_init(&w->loop);
    wheel_init(&w->wheel, w->loop.now);
    list_init(&w->dirty);
    list_init(&w->again);
    list_init(&w->dead);
    list_init(&w->clients);
    list_init(&w->upstreams);
    telemetry_init(&w->telemetry, w->loop.now);
    cache_worker_init(w);
    tee_init(&w->tee, 0);
    w->lease = base_alloc(sizeof *w->lease);
    *w->lease = (struct lease){s, 1};
}

/** Frees what was closed in this round. */
static inline void fixture_bury(struct worker *w) {
    struct list *l;
    while ((l = list_shift(&w->dead))) {
        struct conn *c = CONTAINER_OF(l, struct conn, dirty);
        c->free(c);
    }
}

static inline void fixture_worker_end(struct worker *w) {
    fixture_bury(w);
    tee_close(&w->tee);
    telemetry_close(&w->telemetry, w->index);
    worker_release(w->lease);
    CHECK(w->chunks.live == 0);
    chunk_pool_clear(&w->chunks);
    loop_close(&w->loop);
}
