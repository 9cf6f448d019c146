#include "test.h"

#include "../src/h2_budget.c"

static void floods_run_out(void) {
    struct h2_budget b;
    h2_budget_init(&b, 0);
    for (unsigned i = 0; i < H2_BUDGET_START; i++) CHECK(h2_budget_spend(&b, 0));
    CHECK(!h2_budget_spend(&b, 0) && !h2_budget_spend(&b, SECOND - 1));
    CHECK(h2_budget_spend(&b, SECOND) && !h2_budget_spend(&b, SECOND));
}

static void a_quiet_connection_may_ping_for_ever(void) {
    struct h2_budget b;
    h2_budget_init(&b, 7);
    for (uint64_t i = 1; i < 100000; i++) CHECK(h2_budget_spend(&b, 7 + i * SECOND));
}

static void answers_pay_for_cancelling(void) {
    struct h2_budget b;
    h2_budget_init(&b, 0);
    for (unsigned i = 0; i < 10000; i++) {
        h2_budget_earn(&b, H2_BUDGET_ANSWER);
        CHECK(h2_budget_spend(&b, 0) && h2_budget_spend(&b, 0));
    }
}

/** Whatever happens, no burst is longer than what can be saved up, and time never goes backwards for it. */
static void bursts_are_bounded(void) {
    uint64_t random = 5;
    for (int round = 0; round < 100; round++) {
        struct h2_budget b;
        uint64_t now = 0;
        h2_budget_init(&b, now);
        for (int i = 0; i < 50; i++) {
            h2_budget_earn(&b, (uint32_t)(test_random(&random) % 5000));
            now = test_random(&random) % (1ull << 50);
            unsigned spent = 0;
            while (h2_budget_spend(&b, now)) CHECK(++spent <= H2_BUDGET_MOST);
            CHECK(b.credit == 0);
        }
    }
}

TEST_MAIN(floods_run_out, a_quiet_connection_may_ping_for_ever, answers_pay_for_cancelling, bursts_are_bounded)
