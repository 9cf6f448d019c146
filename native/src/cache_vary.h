/**
 * @file cache_vary.h
 * Which requests a stored answer is for: the fields its Vary names, as they stood in the request it was got with. Only
 * fields that the origin was shown count: what it never saw it cannot have chosen by.
 */
#pragma once

#include "http1.h"

/** Names a Vary may have, and bytes their values may take together: an answer that asks for more is not stored. */
#define CACHE_VARY_NAMES 16u
#define CACHE_VARY_BYTES 4096u

/** Further request fields the origin gets to see, lower case; see cache_fields.h. */
struct cache_shown {
    unsigned count;
    const char **names;
};

/**
 * Writes the variant of an answer: a line "name: values" for each name, in order of names.
 * @return bytes written, 0 for an answer without Vary; -1: it varies by too much, or by everything ("*")
 */
int cache_vary_write(char out[CACHE_VARY_BYTES], const struct http1_head *answer, const struct http1_head *request, const struct cache_shown *shown);
/** Whether the request is one that a variant is for. */
bool cache_vary_matches(struct span variant, const struct http1_head *request, const struct cache_shown *shown);
