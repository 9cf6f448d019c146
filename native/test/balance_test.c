#include "test.h"

#include "../src/balance.c"

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
    struct account_pair **row = snapshot_row(s, 0);
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
    struct account_pair **row = snapshot_row(s, 0);
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

TEST_MAIN(ties_go_round, the_smallest_wait_wins, tried_and_draining_nodes_are_left_out, weights_divide_the_wait,
          a_window_finds_the_only_active_node_of_many, sticky_clients_stay_when_others_nodes_go)
