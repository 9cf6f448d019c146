/**
 * @file h2_budget.h
 * What an HTTP/2 connection may cost without being of use. Frames that are cheap to send and give nothing (resets, pings,
 * settings, window updates, continuations) are paid for with credit that answers and sent data earn: a flood of any of
 * them, and of any mix, runs out of credit; a client that gets answers does not. (CVE-2019-9511..9518, 2023-44487,
 * 2024-27316 were all such frames.)
 */
#pragma once

#include "base.h"

/** Credit at the start: a page that is left cancels a hundred requests at once, and may do so twice. */
#define H2_BUDGET_START 256u
/** The most that can be saved up. */
#define H2_BUDGET_MOST 1024u
/** An answered request pays for its own cancelling and a window update. */
#define H2_BUDGET_ANSWER 2u
/** A DATA frame sent is answered by at most a window update for the stream and one for the connection; and a ping. */
#define H2_BUDGET_DATA 3u

/** Invariant: credit <= H2_BUDGET_MOST. */
struct h2_budget {
    uint32_t credit;
    uint64_t since;  // ns; a second since then is worth one more, so that a quiet connection may ping for ever
};

void h2_budget_init(struct h2_budget *b, uint64_t now);
void h2_budget_earn(struct h2_budget *b, uint32_t credit);
/** Takes credit for one frame. false: there is none left. */
bool h2_budget_spend(struct h2_budget *b, uint64_t now);
