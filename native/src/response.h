/** @file response.h The head of an upstream's answer: interim ones, the final one, the switch to a tunnel. */
#pragma once

#include "exchange.h"

enum response_result {
    RESPONSE_WAIT,    // the head is not complete
    RESPONSE_READY,   // the final head was queued for the client; the body follows
    RESPONSE_TUNNEL,  // 101 was queued
    RESPONSE_BAD,     // 502
    RESPONSE_CUT,     // the connection ended before a whole head
};

/** Reads and passes on what heads have arrived. */
enum response_result response_read_head(struct exchange *x);
