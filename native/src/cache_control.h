/**
 * @file cache_control.h
 * What Cache-Control (RFC 9111 5.2, RFC 5861) says, in requests and in answers; and CDN-Cache-Control (RFC 9213), which an
 * origin means for caches in its service, like this one, and which then counts instead.
 */
#pragma once

#include "http1.h"

/** A time that is not told. */
#define CACHE_UNTOLD (-1)
/** What a longer time is taken for (RFC 9111 1.2.2): 68 years. */
#define CACHE_LONGEST INT64_C(2147483648)

/** Times in seconds. */
struct cache_control {
    bool present;
    bool targeted;  // CDN-Cache-Control: Expires does not count either
    bool no_store, no_cache, is_private, is_public, must_revalidate, proxy_revalidate, must_understand, only_if_cached;
    int64_t max_age, s_maxage, stale_while_revalidate, stale_if_error;
    int64_t max_stale, min_fresh;  // requests; max-stale without a time: CACHE_LONGEST
};

void cache_control_init(struct cache_control *c);
/** Takes in one field's value. What stands twice counts the first time; a time that is none counts as 0. */
void cache_control_add(struct cache_control *c, struct span value);
/** All Cache-Control fields of a head. */
void cache_control_read(struct cache_control *c, const struct http1_head *head);
/** Those of an answer, or its CDN-Cache-Control where that is a dictionary (RFC 9651 3.2) that says something. */
void cache_control_read_answer(struct cache_control *c, const struct http1_head *head);
/** Digits only (RFC 9111 1.2.2), capped. false: anything else. */
bool cache_seconds_read(struct span text, int64_t *out);
