#include "test.h"

#include "../src/account.c"

#define MS_NS 1000000ull

static struct account_node *node;
static struct account_endpoint *endpoint;
static struct account_pair *pair;

static void begin(void) {
    static bool done;
    if (!done) account_setup(1);
    done = true;
    node = account_node_get("n", "127.0.0.1", 9001);
    endpoint = account_endpoint_get("e");
    pair = account_pair_get(endpoint, node);
}

static void end(void) {
    account_pair_unref(pair);
    account_node_unref(node);
    account_endpoint_unref(endpoint);
    for (unsigned i = 0; i < BUCKETS; i++) CHECK(list_empty(&registry.nodes[i]) && list_empty(&registry.endpoints[i]) && list_empty(&registry.pairs[i]));
}

static void same_names_are_the_same_objects(void) {
    begin();
    struct account_node *again = account_node_get("n", "127.0.0.1", 9001), *other = account_node_get("n", "127.0.0.1", 9002);
    CHECK(again == node && other != node);
    account_node_unref(again);
    account_node_unref(other);
    end();
}

/** Whatever order things begin and end in, and whatever is learnt meanwhile, the sum comes back to zero. */
static void the_account_never_leaks(void) {
    begin();
    struct { int64_t charge; uint64_t at; } open[64];
    unsigned count = 0;
    uint64_t random = 42, now = 1000 * MS_NS;
    for (int i = 0; i < 100000; i++) {
        now += test_random(&random) % MS_NS;
        if (count < 64 && test_random(&random) % 2) {
            open[count].at = now;
            open[count++].charge = account_begin(pair, now);
        } else if (count) {
            unsigned k = (unsigned)(test_random(&random) % count);
            account_end(pair, open[k].charge, open[k].at);
            if (test_random(&random) % 3) account_learn(pair, now - open[k].at, now);
            else account_fail(pair, open[k].charge, now - open[k].at, now);
            open[k] = open[--count];
        }
        int64_t sum = 0;
        for (unsigned k = 0; k < count; k++) sum += open[k].charge;
        CHECK(node->wait == sum && (unsigned)node->open == count);
    }
    while (count--) account_end(pair, open[count].charge, open[count].at);
    CHECK(account_wait_sum() == 0 && node->started == 0);
    end();
}

static void a_cold_pair_borrows_the_endpoints_average(void) {
    begin();
    CHECK(account_expect(endpoint, pair, 1) == COLD_NS);
    struct account_node *other = account_node_get("m", "127.0.0.1", 9002);
    struct account_pair *warm = account_pair_get(endpoint, other);
    account_learn(warm, 40 * MS_NS, 1);
    CHECK(account_expect(endpoint, pair, 1) == 40 * MS_NS);
    account_pair_unref(warm);
    account_node_unref(other);
    end();
}

static void a_stale_average_moves_towards_the_endpoints(void) {
    begin();
    uint64_t now = 1;
    account_learn(pair, 1000 * MS_NS, now);
    endpoint->average = 10 * MS_NS;
    uint64_t last = account_expect(endpoint, pair, now);
    CHECK(last == 1000 * MS_NS);
    for (int i = 0; i < 300; i++) {
        now += HALF_LIFE_NS / 10;
        uint64_t e = account_expect(endpoint, pair, now);
        CHECK(e <= last && e >= 10 * MS_NS);
        last = e;
        if (i == 9) CHECK(e > 400 * MS_NS && e < 600 * MS_NS);
    }
    CHECK(last < 11 * MS_NS);
    end();
}

static void age_shows_a_hung_node(void) {
    begin();
    uint64_t now = 1000 * MS_NS;
    int64_t charge = account_begin(pair, now);
    CHECK(account_wait(node, now) == COLD_NS);
    CHECK(account_wait(node, now + 5000 * MS_NS) == 5000 * MS_NS);
    account_end(pair, charge, now);
    CHECK(account_wait(node, now + 5000 * MS_NS) == 0);
    end();
}

static void failing_fast_buys_nothing(void) {
    begin();
    account_learn(pair, 50 * MS_NS, 1);
    int64_t charge = account_begin(pair, 10);
    account_end(pair, charge, 10);
    account_fail(pair, charge, 1, 10);
    CHECK(account_wait(node, 10) == 50 * MS_NS && account_wait(node, 10 + 20 * MS_NS) == 30 * MS_NS);
    account_fail(pair, charge, 1, 10);
    CHECK(account_wait(node, 10) == 100 * MS_NS);
    CHECK(account_wait_sum() == 0 && pair->average == 50 * MS_NS);
    for (int i = 0; i < 1000; i++) account_fail(pair, charge, 1, 10);
    CHECK(account_wait(node, 10) == HALF_LIFE_NS);
    end();
}

TEST_MAIN(same_names_are_the_same_objects, the_account_never_leaks, a_cold_pair_borrows_the_endpoints_average,
          a_stale_average_moves_towards_the_endpoints, age_shows_a_hung_node, failing_fast_buys_nothing)
