#include "h2_budget.h"

#define SECOND 1000000000ull

void h2_budget_init(struct h2_budget *b, uint64_t now) { *b = (struct h2_budget){H2_BUDGET_START, now}; }

void h2_budget_earn(struct h2_budget *b, uint32_t credit) {
    uint32_t room = H2_BUDGET_MOST - b->credit;
    b->credit += credit < room ? credit : room;
}

bool h2_budget_spend(struct h2_budget *b, uint64_t now) {
    uint64_t seconds = now > b->since ? (now - b->since) / SECOND : 0;
    h2_budget_earn(b, seconds < H2_BUDGET_MOST ? (uint32_t)seconds : H2_BUDGET_MOST);
    b->since += seconds * SECOND;
    if (!b->credit) return false;
    b->credit--;
    return true;
}
