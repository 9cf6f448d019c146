#include "test.h"

#include "../src/health.c"

static void one_lost_answer_is_no_failure(void) {
    struct account_node n = {0};
    CHECK(!health_judge(&n, false, 1));
    CHECK(!n.unhealthy);
    CHECK(!health_judge(&n, true, 2));
    CHECK(!health_judge(&n, false, 3));
    CHECK(!n.unhealthy);
}

static void two_in_a_row_are_one_and_it_is_told_once(void) {
    struct account_node n = {0};
    health_judge(&n, false, 1);
    CHECK(health_judge(&n, false, 2));
    CHECK(n.unhealthy);
    CHECK(!health_judge(&n, false, 3));
    CHECK(n.unhealthy && n.serving_since == 0);
}

static void one_good_answer_brings_it_back_slowly(void) {
    struct account_node n = {0};
    health_judge(&n, false, 1);
    health_judge(&n, false, 2);
    CHECK(health_judge(&n, true, 7));
    CHECK(!n.unhealthy && n.probe_failures == 0);
    CHECK(n.serving_since == 7);
    CHECK(!health_judge(&n, true, 9));
    CHECK(n.serving_since == 7);
}

/** Whatever the answers: it is unhealthy from a second failure in a row on, up to the next success. */
static void holds_for_any_answers(void) {
    uint64_t seed = 88172645463325252u;
    struct account_node n = {0};
    unsigned failures = 0;
    bool expected = false;
    for (uint64_t now = 1; now < 10000; now++) {
        bool well = test_random(&seed) % 3 == 0, before = expected;
        failures = well ? 0 : failures + 1;
        expected = well ? false : before || failures >= 2;
        CHECK(health_judge(&n, well, now) == (before != expected));
        CHECK(n.unhealthy == expected);
    }
}

TEST_MAIN(one_lost_answer_is_no_failure, two_in_a_row_are_one_and_it_is_told_once, one_good_answer_brings_it_back_slowly, holds_for_any_answers)
