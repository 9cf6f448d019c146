/**
 * @file cache_fields.h
 * Which fields pass between clients, cache and origin. The origin of assets is shown few request fields: by what it does not
 * see it cannot choose an answer that the cache would then give to others.
 */
#pragma once

#include "cache_vary.h"
#include "framing.h"

/** Whether the origin gets to see a request field: what an object store or file server reads, and what the config adds. */
bool cache_fields_shows(struct span name, const struct cache_shown *shown);
/** Takes the fields out of a head that the origin of assets is not shown. */
void cache_fields_hide(struct http1_head *head, const struct cache_shown *shown);
/** Whether a field of an answer is stored with it. */
bool cache_fields_stores(const struct http1_field *f, const struct framing *framing);
/** Whether a stored field goes into a 304 (RFC 9110 15.4.5). */
bool cache_fields_in_304(struct span name);
/** Whether a 304's field replaces the stored one (RFC 9111 3.2). */
bool cache_fields_updates(const struct http1_field *f, const struct framing *framing);
