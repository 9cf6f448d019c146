/**
 * @file cache_policy.h
 * RFC 9111 as functions of heads and a clock: may an answer be stored, how long is it fresh, may it be given out now.
 * A cache that is shared: what is for one user only is never stored.
 */
#pragma once

#include "cache_control.h"

/** What freshness is computed from. All times in seconds, wall clock; fixed when the answer is stored, or validated. */
struct cache_facts {
    int64_t received;       // when the answer came
    int64_t initial_age;    // RFC 9111 4.2.3, corrected_initial_age
    int64_t lifetime;       // RFC 9111 4.2.1
    int64_t while_revalidate, if_error;  // beyond the lifetime; 0: none
    bool always_validate;   // no-cache
    bool never_stale;       // must-revalidate and its kin
};

/** What is known of the request an answer was got with. */
struct cache_asked {
    int64_t at;             // when it was sent
    bool authorized;        // it had an Authorization field
    bool no_store;
};

/** Whether an answer to a GET may be stored; fills in *facts. An answer that could never be used is not stored. */
bool cache_policy_store(const struct http1_head *answer, const struct cache_asked *asked, int64_t now, struct cache_facts *facts);
/** The facts of an answer, storable or not (a stored one that a 304 has validated). */
void cache_policy_facts(const struct http1_head *answer, const struct cache_asked *asked, int64_t now, struct cache_facts *facts);

enum cache_use {
    CACHE_USE_FRESH,     // give it out
    CACHE_USE_STALE,     // give it out, and validate it behind the client's back
    CACHE_USE_VALIDATE,  // ask the origin first
};
/** @param request its Cache-Control */
enum cache_use cache_policy_use(const struct cache_facts *facts, const struct cache_control *request, int64_t now);
/**
 * Whether a stale answer may stand in for an error.
 * @param unreachable the origin gave no answer at all
 */
bool cache_policy_stale_if_error(const struct cache_facts *facts, const struct cache_control *request, int64_t now, bool unreachable);
/** Present age, >= 0. */
int64_t cache_policy_age(const struct cache_facts *facts, int64_t now);
/** The first field of that name, or NULL. */
const struct http1_field *cache_field(const struct http1_head *head, struct span name);
