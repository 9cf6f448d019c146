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
