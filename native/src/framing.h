/**
 * @file framing.h
 * What a head says about its message: how the body ends, whether the connection stays, what it asks for.
 * Every rule of RFC 9112 sections 6 and 9 that smuggling attacks live on is decided here.
 */
#pragma once

#include "http1.h"

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

/** Field names a Connection field may nominate; more is refused, nobody honest needs them. */
#define FRAMING_NOMINATED_MAX 16u

struct framing {
    enum body_kind body;
    uint64_t length;                // BODY_LENGTH
    bool keep_alive;                // the sender will keep the connection
    bool expect_continue;
    struct span upgrade;            // value of Upgrade, when Connection nominates it; else n == 0
    struct span host;               // requests: authority of an absolute target, else Host; may have n == 0 (HTTP/1.0)
    struct span target;             // requests: in origin or asterisk form
    unsigned nominated_count;
    struct span nominated[FRAMING_NOMINATED_MAX];
};

/** @return 0, or the status to refuse the request with (400, 417, 501). */
int framing_request(const struct http1_head *head, struct framing *out);
/**
 * @param to_head the request was a HEAD
 * @return false: the upstream's answer cannot be trusted (502)
 */
bool framing_response(const struct http1_head *head, bool to_head, struct framing *out);
/** Whether a Connection field of this message nominates the name (and it may be nominated). */
bool framing_nominates(const struct framing *f, struct span name);
