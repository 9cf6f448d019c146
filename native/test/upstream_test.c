#include "test.h"

#include <arpa/inet.h>

#include "../src/upstream.c"

#include "fixture.h"

static struct worker w;
static int node;

/** A node that listens, and a worker that has it. */
static void begin(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char more[200];
    node = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(node, (struct sockaddr *)&address, length) == 0 && listen(node, 16) == 0 && getsockname(node, (struct sockaddr *)&address, &length) == 0);
    snprintf(more, sizeof more, "\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":%u}]", ntohs(address.sin_port));
    fixture_worker(&w, fixture_snapshot(more));
}

static void end(void) {
    while (!list_empty(&w.upstreams)) upstream_close(CONTAINER_OF(w.upstreams.next, struct upstream, link));
    fixture_worker_end(&w);
    close(node);
}

static struct upstream *take(bool fresh) {
    struct upstream *u = upstream_take(&w, w.lease->snapshot, 0, fresh);
    CHECK(u);
    return u;
}

static void the_connection_used_last_is_taken_first(void) {
    begin();
    struct upstream *a = take(false), *b = take(false);
    CHECK(a != b && !a->reused);
    upstream_give(a);
    upstream_give(b);
    struct upstream *again = take(false);
    CHECK(again == b && again->reused);
    struct upstream *fresh = take(true);
    CHECK(fresh != a && fresh != b);
    CHECK(take(false) == a);
    end();
}

static void one_that_ended_or_is_no_longer_wanted_is_not_pooled(void) {
    begin();
    struct upstream *a = take(false);
    a->conn.hup = true;
    upstream_give(a);
    CHECK(a->conn.closed);
    struct upstream *b = take(false);
    w.draining = true;
    upstream_give(b);
    w.draining = false;
    CHECK(b->conn.closed);
    struct upstream *c = take(false);
    upstream_give(c);
    // Its node is not in the snapshot in force any more.
    c->node->generation--;
    upstream_close_removed(&w);
    CHECK(c->conn.closed);
    c->node->generation++;
    end();
}

/** An idle connection on which anything happens is of no more use. */
static void an_answer_nobody_asked_for_ends_an_idle_connection(void) {
    begin();
    struct upstream *u = take(false);
    int peer = accept(node, NULL, NULL);
    while (u->conn.connecting) {
        loop_run_once(&w.loop, 10);
        if (u->conn.writable) u->conn.connecting = false;
    }
    upstream_give(u);
    loop_run_once(&w.loop, 0);
    CHECK(!u->conn.closed);
    CHECK(send(peer, "x", 1, 0) == 1);
    while (!u->conn.closed) loop_run_once(&w.loop, 10);
    struct upstream *next = take(false);
    CHECK(next != u && !next->reused);
    close(peer);
    end();
}

TEST_MAIN(the_connection_used_last_is_taken_first, one_that_ended_or_is_no_longer_wanted_is_not_pooled, an_answer_nobody_asked_for_ends_an_idle_connection)
