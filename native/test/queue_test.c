#include "fixture.h"

#include "../src/queue.c"

#define MS_NS 1000000ull

static struct worker *first, *second;

static void begin(const char *more) {
    struct snapshot *s = fixture_snapshot(more);
    if (!first) {
        first = worker_new(0, s, NULL, 0);
        second = worker_new(1, s, NULL, 0);
    } else {
        fixture_adopt(second, snapshot_ref(s));
        fixture_adopt(first, snapshot_ref(s));
    }
    snapshot_unref(s);
    first->loop.now = second->loop.now = 1000 * MS_NS;
}

static bool put(struct fixture_asker *a) {
    struct outq out;
    outq_init(&out);
    return queue_put(&a->x, &out);
}

#define ONE "\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1,\"maxRequests\":1}],\"limits\":{\"queue\":3,\"queueTimeout\":1000}"

static void is_bounded_over_all_workers_and_forgets_who_goes(void) {
    struct fixture_asker asker[4];
    begin(ONE);
    struct queue_lane *lane = first->lease->snapshot->endpoints[0].lane;
    CHECK(!queue_is_used(lane));
    for (unsigned i = 0; i < 4; i++) {
        fixture_ask(&asker[i], i % 2 ? second : first, 0);
        CHECK(put(&asker[i]) == (i < 3));
    }
    CHECK(queue_is_used(lane) && lane->waiting == 3 && waiting_total == 3 && first->queue.count == 2);
    fixture_leave(&asker[1]);
    CHECK(put(&asker[3]));
    for (unsigned i = 0; i < 4; i++)
        if (i != 1) fixture_leave(&asker[i]);
    CHECK(!queue_is_used(lane) && !waiting_total && !first->queue.count && !second->queue.count);
    CHECK(!lane->oldest[0] && !lane->oldest[1]);
}

static void who_came_first_goes_first_over_all_workers(void) {
    struct fixture_asker a, b, c;
    begin(ONE);
    fixture_ask(&a, second, 0);
    CHECK(put(&a));
    first->loop.now += MS_NS;
    fixture_ask(&b, first, 0);
    CHECK(put(&b));
    CHECK(gives_way(first, b.x.waiter) && !gives_way(second, a.x.waiter));
    // One that had its turn and got no node keeps the time at which it first had to wait.
    fixture_ask(&c, first, 0);
    c.x.queued_at = first->loop.now - 5 * MS_NS;
    CHECK(put(&c));
    CHECK(CONTAINER_OF(first->queue.waiters.next, struct waiter, link) == c.x.waiter);
    CHECK(!gives_way(first, c.x.waiter) && gives_way(second, a.x.waiter));
    fixture_leave(&c);
    CHECK(!gives_way(second, a.x.waiter));
    fixture_leave(&a);
    CHECK(!gives_way(first, b.x.waiter));
    fixture_leave(&b);
}

static void who_waits_for_another_node_than_those_that_failed_is_in_nobody_s_way(void) {
    struct fixture_asker a, b;
    begin(ONE);
    fixture_ask(&a, first, 0);
    a.x.balance.tried_count = 1;
    CHECK(put(&a));
    second->loop.now += MS_NS;
    fixture_ask(&b, second, 0);
    CHECK(put(&b));
    CHECK(!gives_way(second, b.x.waiter));
    fixture_leave(&a);
    fixture_leave(&b);
}

static void a_body_that_nobody_takes_costs_its_client_no_time(void) {
    struct fixture_asker a;
    begin(ONE);
    fixture_ask(&a, first, 0);
    a.x.request.done = false;
    CHECK(put(&a) && a.x.paused_at == first->loop.now);
    fixture_leave(&a);
}

static void stays_while_every_node_is_full(void) {
    struct fixture_asker a;
    begin(ONE);
    struct snapshot *s = first->lease->snapshot;
    int64_t charge;
    CHECK(account_try_begin(snapshot_pair(s, 0, 0), first->loop.now, &charge));
    fixture_ask(&a, first, 0);
    CHECK(put(&a) && first->queue.due);
    queue_serve(first);
    CHECK(a.x.waiter && !first->queue.due);
    account_end(snapshot_pair(s, 0, 0), charge, first->loop.now);
    queue_node_freed(second);
    CHECK(!first->queue.due);  // it is woken: a worker looks at what is its own
    queue_node_freed(first);
    CHECK(first->queue.due && !dispatch_must_wait(&a.x));
    fixture_leave(&a);
}

#define CLASSES(b) "\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1,\"maxRequests\":2,\"class\":\"x\"},{\"name\":\"b\",\"address\":\"127.0.0.1\",\"port\":2,\"maxRequests\":2,\"class\":\"y\"}],\"routes\":[{\"pattern\":\"/a\",\"nodeClasses\":[\"x\"]},{\"pattern\":\"/b\",\"nodeClasses\":[\"" b "\"]}]"

static unsigned endpoint_of(const struct snapshot *s, const char *name) {
    for (unsigned i = 1; i < s->endpoint_count; i++)
        if (strcmp(s->endpoints[i].account->name, name) == 0) return i;
    return 0;
}

static void a_reload_moves_who_waits_to_the_lanes_there_are_now(void) {
    struct fixture_asker a, b;
    begin(CLASSES("y"));
    struct snapshot *s = first->lease->snapshot;
    fixture_ask(&a, first, endpoint_of(s, "/a"));
    fixture_ask(&b, first, endpoint_of(s, "/b"));
    CHECK(a.x.balance.endpoint && b.x.balance.endpoint && put(&a) && put(&b));
    CHECK(a.x.waiter->lane != b.x.waiter->lane && a.x.waiter->lane->waiting == 1);
    begin(CLASSES("x"));
    CHECK(a.x.waiter->lane == b.x.waiter->lane && a.x.waiter->lane->waiting == 2 && first->queue.due);
    CHECK(a.x.lease == first->lease);
    // Both endpoints are gone, and their classes with them: they wait like any other request.
    begin(ONE);
    CHECK(a.x.waiter->lane == first->lease->snapshot->endpoints[0].lane && a.x.waiter->lane->waiting == 2 && waiting_total == 2);
    fixture_leave(&a);
    fixture_leave(&b);
}

static void tells_when_a_turn_may_come(void) {
    struct fixture_asker a[3];
    begin("\"nodes\":[{\"name\":\"slow\",\"address\":\"127.0.0.1\",\"port\":1,\"maxRequests\":2}]");
    struct snapshot *s = first->lease->snapshot;
    struct queue_lane *lane = s->endpoints[0].lane;
    account_learn(snapshot_pair(s, 0, 0), 4000 * MS_NS, first->loop.now);
    CHECK(queue_retry_after(lane, first) == 3);  // 4 s over two places, and a second for what is not known
    for (unsigned i = 0; i < 3; i++) {
        fixture_ask(&a[i], first, 0);
        CHECK(put(&a[i]));
    }
    CHECK(queue_retry_after(lane, first) == 9);
    account_learn(snapshot_pair(s, 0, 0), 4000000 * MS_NS, first->loop.now);
    CHECK(queue_retry_after(lane, first) == 60);
    for (unsigned i = 0; i < 3; i++) fixture_leave(&a[i]);
}

/** Whoever comes, goes and is put back: counts are those of who waits, and the order is that of the first wait. */
static void holds_for_any_coming_and_going(void) {
    static struct fixture_asker asker[8];
    bool waits[8] = {false};
    uint64_t seed = 42;
    begin("\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1,\"maxRequests\":1}]");
    struct queue_lane *lane = first->lease->snapshot->endpoints[0].lane;
    for (int round = 0; round < 20000; round++) {
        unsigned i = (unsigned)(test_random(&seed) % 8), count = 0, firsts = 0;
        first->loop.now = second->loop.now += test_random(&seed) % MS_NS;
        if (waits[i]) {
            fixture_leave(&asker[i]);
        } else {
            fixture_ask(&asker[i], i % 2 ? second : first, 0);
            if (test_random(&seed) % 4 == 0) asker[i].x.queued_at = first->loop.now - test_random(&seed) % (100 * MS_NS);
            CHECK(put(&asker[i]));
        }
        waits[i] = !waits[i];
        for (unsigned k = 0; k < 8; k++) {
            count += waits[k];
            firsts += waits[k] && !gives_way(asker[k].client.conn.worker, asker[k].x.waiter) && asker[k].client.conn.worker->queue.waiters.next == &asker[k].x.waiter->link;
        }
        CHECK(lane->waiting == count && first->queue.count + second->queue.count == count);
        CHECK(firsts == (count ? 1u : 0u));  // exactly one may go next, whatever the worker
        for (struct list *l = first->queue.waiters.next; l->next != &first->queue.waiters && l != &first->queue.waiters; l = l->next)
            CHECK(CONTAINER_OF(l, struct waiter, link)->since <= CONTAINER_OF(l->next, struct waiter, link)->since);
    }
    for (unsigned i = 0; i < 8; i++)
        if (waits[i]) fixture_leave(&asker[i]);
}

TEST_MAIN(is_bounded_over_all_workers_and_forgets_who_goes, who_came_first_goes_first_over_all_workers,
          who_waits_for_another_node_than_those_that_failed_is_in_nobody_s_way, a_body_that_nobody_takes_costs_its_client_no_time,
          stays_while_every_node_is_full, a_reload_moves_who_waits_to_the_lanes_there_are_now, tells_when_a_turn_may_come,
          holds_for_any_coming_and_going)
