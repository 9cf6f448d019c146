#include "test.h"

#include "../src/balance.c"
#include "health.h"
#include "loop.h"

#define MS_NS 1000000ull

/** A snapshot of n nodes named n0, n1... */
static struct snapshot *snapshot_of_nodes(unsigned n, const char *more) {
    static bool done;
    if (!done) account_setup(1);
    done = true;
    size_t cap = 256 + n * 128, len = 0;
    char *text = base_alloc(cap);
    struct config_error error;
    len += (size_t)snprintf(text, cap, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],\"nodes\":[");
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, cap - len, "%s{\"name\":\"n%u\",\"address\":\"127.0.0.1\",\"port\":%u%s}", i ? "," : "", i, i + 1, i ? "" : more);
    len += (size_t)snprintf(text + len, cap - len, "]}");
    struct config *config = config_parse(text, len, &error);
    CHECK(config);
    struct snapshot *s = snapshot_build(config, 0, NULL, &error);
    CHECK(s);
    free(text);
    return s;
}

static void ties_go_round(void) {
    struct snapshot *s = snapshot_of_nodes(3, "");
    unsigned cursor = 0, seen[3] = {0};
    for (int i = 0; i < 30; i++) seen[balance_pick(s, &(struct balance_request){0}, &cursor, 1)]++;
    CHECK(seen[0] == 10 && seen[1] == 10 && seen[2] == 10);
    snapshot_unref(s);
}

static void the_smallest_wait_wins(void) {
    struct snapshot *s = snapshot_of_nodes(3, "");
    struct account_pair *row[] = {snapshot_pair(s, 0, 0), snapshot_pair(s, 0, 1), snapshot_pair(s, 0, s->node_count > 2 ? 2 : 0)};
    unsigned cursor = 0;
    int64_t a = account_begin(row[0], 1), b = account_begin(row[2], 1);
    for (int i = 0; i < 5; i++) CHECK(balance_pick(s, &(struct balance_request){0}, &cursor, 1) == 1);
    account_end(row[0], a, 1);
    account_end(row[2], b, 1);
    snapshot_unref(s);
}

static void tried_and_draining_nodes_are_left_out(void) {
    struct snapshot *s = snapshot_of_nodes(3, ",\"state\":\"drain\"");
    unsigned cursor = 0;
    for (int i = 0; i < 9; i++) CHECK(balance_pick(s, &(struct balance_request){.tried_count = 1, .tried = {2}}, &cursor, 1) == 1);
    CHECK(balance_pick(s, &(struct balance_request){.tried_count = 2, .tried = {1, 2}}, &cursor, 1) == -1);
    snapshot_unref(s);
}

static void weights_divide_the_wait(void) {
    struct snapshot *s = snapshot_of_nodes(2, ",\"weight\":3");
    struct account_pair *row[] = {snapshot_pair(s, 0, 0), snapshot_pair(s, 0, 1), snapshot_pair(s, 0, s->node_count > 2 ? 2 : 0)};
    unsigned cursor = 0, seen[2] = {0};
    int64_t charges[40];
    int to[40];
    for (int i = 0; i < 40; i++) {
        to[i] = balance_pick(s, &(struct balance_request){0}, &cursor, 1);
        seen[to[i]]++;
        charges[i] = account_begin(row[to[i]], 1);
    }
    CHECK(seen[0] >= 27 && seen[0] <= 33);
    for (int i = 0; i < 40; i++) account_end(row[to[i]], charges[i], 1);
    snapshot_unref(s);
}

static void a_window_finds_the_only_active_node_of_many(void) {
    struct snapshot *s = snapshot_of_nodes(500, "");
    unsigned cursor = 0;
    for (unsigned i = 0; i < 500; i++) s->nodes[i].active = i == 321;
    for (int i = 0; i < 10; i++) CHECK(balance_pick(s, &(struct balance_request){0}, &cursor, 1) == 321);
    snapshot_unref(s);
}

static void sticky_clients_stay_when_others_nodes_go(void) {
    struct snapshot *s = snapshot_of_nodes(10, "");
    unsigned moved = 0, counts[10] = {0};
    int before[1000];
    for (unsigned k = 0; k < 1000; k++) {
        char ip[32];
        int n = snprintf(ip, sizeof ip, "10.0.%u.%u", k / 250, k % 250);
        struct balance_request r = {.sticky = STICKY_IP, .sticky_key = span_hash((struct span){ip, (size_t)n}, 0)};
        before[k] = balance_pick(s, &r, &(unsigned){0}, 1);
        counts[before[k]]++;
    }
    s->nodes[4].active = false;
    for (unsigned k = 0; k < 1000; k++) {
        char ip[32];
        int n = snprintf(ip, sizeof ip, "10.0.%u.%u", k / 250, k % 250);
        struct balance_request r = {.sticky = STICKY_IP, .sticky_key = span_hash((struct span){ip, (size_t)n}, 0)};
        moved += balance_pick(s, &r, &(unsigned){0}, 1) != before[k];
    }
    CHECK(moved == counts[4]);
    for (int i = 0; i < 10; i++) CHECK(counts[i] > 50 && counts[i] < 200);
    snapshot_unref(s);
}

/** n0 and n1 are for short requests, n2 for long ones; endpoint 1 is long, 2 short. */
static struct snapshot *classes(void) {
    static const char text[] =
        "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],\"nodes\":["
        "{\"name\":\"n0\",\"address\":\"127.0.0.1\",\"port\":1,\"class\":\"short\"},"
        "{\"name\":\"n1\",\"address\":\"127.0.0.1\",\"port\":2,\"class\":\"short\",\"maxRequests\":2},"
        "{\"name\":\"n2\",\"address\":\"127.0.0.1\",\"port\":3,\"class\":\"long\",\"maxRequests\":1}],\"routes\":["
        "{\"pattern\":\"/long\",\"nodeClasses\":[\"long\"]},{\"pattern\":\"/short\",\"nodeClasses\":[\"short\",\"long\"]}]}";
    struct config_error error;
    struct snapshot *s = snapshot_build(config_parse(text, sizeof text - 1, &error), 0, NULL, &error);
    CHECK(s && strcmp(s->endpoints[1].account->name, "/long") == 0);
    return s;
}

static int pick(struct snapshot *s, unsigned endpoint) { return balance_pick(s, &(struct balance_request){.endpoint = endpoint}, &(unsigned){0}, 1); }

static void short_requests_take_long_ones_idle_nodes_and_never_the_reverse(void) {
    struct snapshot *s = classes();
    struct account_pair *row[] = {snapshot_pair(s, 2, 0), snapshot_pair(s, 2, 1)}, *long_two = snapshot_pair(s, 1, 2);
    for (int i = 0; i < 4; i++) CHECK(pick(s, 1) == 2);
    int64_t a, b, c, d;
    CHECK(account_try_begin(row[0], 1, &a));
    CHECK(pick(s, 2) == 1);  // its own class's idle node comes first
    CHECK(account_try_begin(row[1], 1, &b));
    CHECK(pick(s, 2) == 2);
    CHECK(account_try_begin(long_two, 1, &c));
    CHECK(pick(s, 2) == 0 || pick(s, 2) == 1);
    CHECK(pick(s, 1) == BALANCE_FULL && !account_try_begin(long_two, 1, &d));
    account_end(row[0], a, 1);
    CHECK(pick(s, 1) == BALANCE_FULL);  // an idle node of the other class is not for it
    account_end(row[1], b, 1);
    account_end(long_two, c, 1);
    s->nodes[2].active = false;
    CHECK(pick(s, 1) == BALANCE_NONE && pick(s, 0) >= 0);
    CHECK(account_wait_sum() == 0);
    snapshot_unref(s);
}

static void a_full_node_gets_nothing_more(void) {
    struct snapshot *s = classes();
    struct account_pair *row[] = {snapshot_pair(s, 0, 0), snapshot_pair(s, 0, 1), snapshot_pair(s, 0, s->node_count > 2 ? 2 : 0)};
    int64_t charges[3];
    s->nodes[0].active = s->nodes[2].active = false;
    for (int i = 0; i < 2; i++) CHECK(pick(s, 0) == 1 && account_try_begin(row[1], 1, &charges[i]));
    CHECK(pick(s, 0) == BALANCE_FULL && !account_try_begin(row[1], 1, &charges[2]));
    CHECK(balance_pick(s, &(struct balance_request){.sticky = STICKY_COOKIE, .sticky_key = s->nodes[1].key}, &(unsigned){0}, 1) == BALANCE_FULL);
    s->nodes[1].account->capacity = 3;
    CHECK(pick(s, 0) == 1);
    for (int i = 0; i < 2; i++) account_end(row[1], charges[i], 1);
    snapshot_unref(s);
}

static void a_cookie_finds_its_node_while_it_may_serve(void) {
    struct snapshot *s = snapshot_of_nodes(5, "");
    unsigned cursor = 0;
    struct balance_request r = {.sticky = STICKY_COOKIE, .sticky_key = s->nodes[3].key};
    for (int i = 0; i < 5; i++) CHECK(balance_pick(s, &r, &cursor, 1) == 3);
    s->nodes[3].active = false;
    unsigned seen[5] = {0};
    for (int i = 0; i < 40; i++) seen[balance_pick(s, &r, &cursor, 1)]++;
    CHECK(!seen[3] && seen[0] && seen[1] && seen[2] && seen[4]);
    snapshot_unref(s);
}

/** n requests on a node, every one of which fails or none. */
static void many(struct snapshot *s, unsigned node, unsigned n, bool fail, uint64_t now) {
    for (unsigned i = 0; i < n; i++)
        if (fail) account_count_failure(s->nodes[node].account);
        else account_learn(snapshot_pair(s, 0, (unsigned)node), MS_NS, now);
}

static void an_outlier_is_left_out_for_a_while(void) {
    struct snapshot *s = snapshot_of_nodes(4, "");
    uint64_t now = loop_clock(), until = now + OUTLIER_FIRST_NS;
    unsigned cursor = 0;
    for (unsigned i = 0; i < 4; i++) many(s, i, 50, i == 2, now);
    CHECK(!balance_eject(s, 1, now) && balance_eject(s, 2, now) && !balance_eject(s, 2, now));
    for (int i = 0; i < 12; i++) CHECK(balance_pick(s, &(struct balance_request){0}, &cursor, now) != 2);
    // Better than none.
    CHECK(balance_pick(s, &(struct balance_request){.tried_count = 3, .tried = {0, 1, 3}}, &cursor, now) == 2);
    CHECK(balance_pick(s, &(struct balance_request){.tried_count = 3, .tried = {0, 1, 3}}, &cursor, until) == 2);
    CHECK(!account_is_ejected(s->nodes[2].account, until));
    many(s, 2, 20, true, until);
    CHECK(balance_eject(s, 2, until) && s->nodes[2].account->ejected_until == until + 2 * OUTLIER_FIRST_NS);
    many(s, 1, 2000, true, until);
    CHECK(balance_eject(s, 1, until));
    many(s, 0, 9000, true, until);
    CHECK(!balance_eject(s, 0, until));  // half are out already
    snapshot_unref(s);
}

static void an_unwell_node_is_left_out(void) {
    struct snapshot *s = snapshot_of_nodes(2, "");
    struct account_node *n = s->nodes[0].account;
    unsigned cursor = 0;
    s->config->health_path = "/";
    CHECK(!health_judge(n, false, 5) && !n->unhealthy && !health_judge(n, true, 5) && !health_judge(n, false, 5));
    CHECK(health_judge(n, false, 5) && n->unhealthy && !health_judge(n, false, 5));
    for (int i = 0; i < 4; i++) CHECK(balance_pick(s, &(struct balance_request){0}, &cursor, 9) == 1);
    CHECK(balance_pick(s, &(struct balance_request){.tried_count = 1, .tried = {1}}, &cursor, 9) == 0);
    CHECK(health_judge(n, true, 7) && !n->unhealthy && n->serving_since == 7);
    snapshot_unref(s);
}

static void a_node_that_returns_starts_slowly(void) {
    struct snapshot *s = snapshot_of_nodes(2, "");
    unsigned cursor = 0, seen[2] = {0};
    uint64_t now = loop_clock();
    int64_t charges[60];
    int to[60];
    s->config->slow_start = 10 * 1000 * MS_NS;
    s->nodes[0].account->serving_since = now - 2500 * MS_NS;
    for (int i = 0; i < 60; i++) {
        to[i] = balance_pick(s, &(struct balance_request){0}, &cursor, now);
        seen[to[i]]++;
        charges[i] = account_begin(snapshot_pair(s, 0, (unsigned)to[i]), now);
    }
    CHECK(seen[0] >= 8 && seen[0] <= 16);  // a quarter of its full weight: a fifth of the requests
    for (int i = 0; i < 60; i++) account_end(snapshot_pair(s, 0, (unsigned)to[i]), charges[i], now);
    snapshot_unref(s);
}

TEST_MAIN(ties_go_round, the_smallest_wait_wins, tried_and_draining_nodes_are_left_out, weights_divide_the_wait,
          a_window_finds_the_only_active_node_of_many, sticky_clients_stay_when_others_nodes_go,
          short_requests_take_long_ones_idle_nodes_and_never_the_reverse, a_full_node_gets_nothing_more,
          a_cookie_finds_its_node_while_it_may_serve, an_outlier_is_left_out_for_a_while, an_unwell_node_is_left_out, a_node_that_returns_starts_slowly)
