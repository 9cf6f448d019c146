#include "fixture.h"

#include "../src/admit.c"

#define S_NS 1000000000ull

static struct worker *worker;

static void begin(const char *limits) {
    char more[512];
    snprintf(more, sizeof more, "\"trusted\":[\"10.0.0.0/8\"],\"routes\":[{\"pattern\":\"/few\",\"limit\":{\"rate\":1,\"burst\":2}}],\"limits\":{%s}", limits);
    struct snapshot *s = fixture_snapshot(more);
    if (!worker) {
        limit_setup();
        worker = worker_new(0, s, NULL, 0);
        worker->loop.now = 1000 * S_NS;
    } else {
        fixture_adopt(worker, snapshot_ref(s));
    }
    snapshot_unref(s);
    worker->loop.now += 1000 * S_NS;  // every bucket is full again
}

static void set_peer(struct client *c, const char *address) {
    socklen_t length;
    CHECK(cidr_sockaddr(address, 1, &c->peer, &length));
    c->conn.worker = worker;
    c->conn.watch.fd = -1;
}

/** Asks as a client of that address. @return the status it is refused with, 0: it may come in; `text` gets the Retry-After line */
static int ask(const char *address, unsigned endpoint, const char *fields, char text[ADMIT_FIELD + 1]) {
    struct fixture_asker a;
    struct reply reply = {0};
    char field[ADMIT_FIELD], head[512];
    fixture_ask(&a, worker, endpoint);
    set_peer(&a.client, address);
    int n = snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    CHECK(http1_parse_request(head, (size_t)n, 0, 100, &worker->head) == n);
    bool in = admit_request(&a.x, &reply, field);
    CHECK(in || a.x.limited);
    if (text) snprintf(text, ADMIT_FIELD + 1, "%.*s", (int)reply.field.n, reply.field.p ? reply.field.p : "");
    fixture_leave(&a);
    return in ? 0 : reply.status;
}

static void a_client_has_its_burst_and_is_told_when_to_come_again(void) {
    char line[ADMIT_FIELD + 1];
    begin("\"client\":{\"rate\":0.5,\"burst\":3}");
    for (int i = 0; i < 3; i++) CHECK(ask("192.0.2.1", 0, "", NULL) == 0);
    CHECK(ask("192.0.2.1", 0, "", line) == 429 && strcmp(line, "Retry-After: 2\r\n") == 0);
    CHECK(ask("192.0.2.2", 0, "", NULL) == 0);  // another
    worker->loop.now += 2 * S_NS;
    CHECK(ask("192.0.2.1", 0, "", NULL) == 0 && ask("192.0.2.1", 0, "", NULL) == 429);
}

static void addresses_of_one_prefix_are_one_client(void) {
    begin("\"client\":{\"rate\":1,\"burst\":1,\"prefix6\":56}");
    CHECK(ask("2001:db8:0:100::1", 0, "", NULL) == 0 && ask("2001:db8:0:1ff::2", 0, "", NULL) == 429);
    CHECK(ask("2001:db8:0:200::1", 0, "", NULL) == 0);
    CHECK(ask("192.0.2.1", 0, "", NULL) == 0 && ask("192.0.2.2", 0, "", NULL) == 0);
    CHECK(ask("::ffff:192.0.2.1", 0, "", NULL) == 429);  // the same, spelled otherwise
}

static void of_a_trusted_peer_it_is_the_client_it_names(void) {
    begin("\"client\":{\"rate\":1,\"burst\":1}");
    CHECK(ask("10.0.0.1", 0, "X-Forwarded-For: 198.51.100.1\r\n", NULL) == 0);
    CHECK(ask("10.0.0.1", 0, "X-Forwarded-For: 198.51.100.2\r\n", NULL) == 0);
    CHECK(ask("10.0.0.9", 0, "X-Forwarded-For: 198.51.100.1\r\n", NULL) == 429);
    for (int i = 0; i < 3; i++) CHECK(ask("10.0.0.1", 0, i % 2 ? "" : "X-Forwarded-For: unknown\r\n", NULL) == 0);  // nobody is named: not limited
    // Who is not trusted may name whom it likes: it is itself.
    CHECK(ask("192.0.2.7", 0, "X-Forwarded-For: 198.51.100.3\r\n", NULL) == 0);
    CHECK(ask("192.0.2.7", 0, "X-Forwarded-For: 198.51.100.4\r\n", NULL) == 429);
}

static void an_endpoint_s_bucket_is_all_clients_and_not_spent_by_who_is_refused(void) {
    char line[ADMIT_FIELD + 1];
    begin("\"client\":{\"rate\":1,\"burst\":1}");
    CHECK(ask("192.0.2.1", 1, "", NULL) == 0);
    for (int i = 0; i < 5; i++) CHECK(ask("192.0.2.1", 1, "", NULL) == 429);
    CHECK(ask("192.0.2.2", 1, "", NULL) == 0);
    CHECK(ask("192.0.2.3", 1, "", line) == 503 && strcmp(line, "Retry-After: 1\r\n") == 0);
    CHECK(ask("192.0.2.4", 0, "", NULL) == 0);  // other endpoints have none
}

static void measuring_refuses_nothing_and_counts(void) {
    begin("\"measure\":true,\"client\":{\"rate\":1,\"burst\":1,\"connections\":1}");
    struct meter *m = telemetry_meter(&worker->telemetry, 0, snapshot_pair(worker->lease->snapshot, 0, worker->lease->snapshot->node_count));
    uint64_t limited = m->client_limited, connections = worker->telemetry.connections_limited;
    for (int i = 0; i < 4; i++) CHECK(ask("192.0.2.1", 0, "", NULL) == 0);
    CHECK(m->client_limited == limited + 3);
    struct client c[2] = {0};
    for (int i = 0; i < 2; i++) {
        set_peer(&c[i], "192.0.2.1");
        CHECK(admit_connection(&c[i]));
    }
    CHECK(worker->telemetry.connections_limited == connections + 1);
    for (int i = 0; i < 2; i++) admit_gone(&c[i]);
}

static void connections_of_a_client_are_counted_until_they_go(void) {
    begin("\"client\":{\"connections\":2}");
    struct client c[4] = {0}, trusted = {0};
    for (int i = 0; i < 4; i++) set_peer(&c[i], i == 3 ? "192.0.2.9" : "192.0.2.8");
    CHECK(admit_connection(&c[0]) && admit_connection(&c[1]) && !admit_connection(&c[2]) && admit_connection(&c[3]));
    CHECK(!c[2].counted_as);
    admit_gone(&c[0]);
    admit_gone(&c[0]);  // once only
    CHECK(admit_connection(&c[2]) && !admit_connection(&c[0]));
    for (int i = 0; i < 4; i++) admit_gone(&c[i]);
    for (int i = 0; i < 5; i++) {
        trusted = (struct client){0};
        set_peer(&trusted, "10.1.1.1");
        CHECK(admit_connection(&trusted) && !trusted.counted_as);
    }
}

TEST_MAIN(a_client_has_its_burst_and_is_told_when_to_come_again, addresses_of_one_prefix_are_one_client, of_a_trusted_peer_it_is_the_client_it_names,
          an_endpoint_s_bucket_is_all_clients_and_not_spent_by_who_is_refused, measuring_refuses_nothing_and_counts,
          connections_of_a_client_are_counted_until_they_go)
