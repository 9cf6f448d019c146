#include "test.h"

#include "../src/outlier.c"

static struct outlier_tally of(uint64_t successes, uint64_t failures) { return (struct outlier_tally){successes, failures}; }

static void a_node_that_only_fails_is_found_soon(void) {
    CHECK(!outlier_is_one(of(0, 1), of(1000, 0)));
    CHECK(outlier_is_one(of(0, 3), of(1000, 0)));
    CHECK(!outlier_is_one(of(0, 3), of(5, 0)));  // too little is known of the peers
    CHECK(!outlier_is_one(of(0, 100), of(0, 0)));
}

static void nobody_is_one_where_all_fail(void) {
    CHECK(!outlier_is_one(of(0, 100), of(0, 300)));
    CHECK(!outlier_is_one(of(50, 50), of(150, 150)));
    CHECK(!outlier_is_one(of(100, 0), of(0, 300)));
    CHECK(!outlier_is_one(of(0, 0), of(0, 0)));
}

static void partial_failure_takes_more_evidence(void) {
    CHECK(!outlier_is_one(of(9, 1), of(990, 10)));
    CHECK(outlier_is_one(of(900, 100), of(9900, 100)));
}

/** Among nodes that are all alike, ejections stay as rare as was declared, however often one looks. */
static void equals_are_not_ejected(void) {
    uint64_t seed = 88172645463325252u;
    unsigned wrong = 0, looks = 0;
    for (unsigned percent = 0; percent <= 50; percent += 5)
        for (unsigned round = 0; round < 300; round++) {
            struct outlier_tally tally[4] = {{0}};
            for (unsigned i = 0; i < 200; i++) {
                unsigned node = test_random(&seed) % 4;
                if (test_random(&seed) % 100 >= percent) {
                    tally[node].successes++;
                    continue;
                }
                tally[node].failures++;
                struct outlier_tally peers = {0};
                for (unsigned k = 0; k < 4; k++) {
                    if (k == node) continue;
                    peers.successes += tally[k].successes;
                    peers.failures += tally[k].failures;
                }
                looks++;
                wrong += outlier_is_one(tally[node], peers);
            }
        }
    CHECK(looks > 100000 && wrong * 5000 < looks);  // the peers' rate is an estimate, which costs some of the bound
}

static void ejections_are_bounded(void) {
    CHECK(outlier_most(1) == 0 && outlier_most(2) == 1 && outlier_most(3) == 1 && outlier_most(10) == 5);
    for (unsigned n = 1; n < 40; n++) CHECK(outlier_duration(n) >= OUTLIER_FIRST_NS && outlier_duration(n) <= OUTLIER_MOST_NS && outlier_duration(n + 1) >= outlier_duration(n));
}

TEST_MAIN(a_node_that_only_fails_is_found_soon, nobody_is_one_where_all_fail, partial_failure_takes_more_evidence, equals_are_not_ejected, ejections_are_bounded)
