/** @file cache_condition.h Conditions and ranges of a request, decided on a stored answer (RFC 9110 13, 14). */
#pragma once

#include "http1.h"

/** Whether the client has the stored representation already: 304 (If-None-Match, else If-Modified-Since). */
bool cache_condition_not_modified(const struct http1_head *request, const struct http1_head *stored, int64_t now);

/** Bytes [from, to) of the whole. */
struct cache_range {
    uint64_t from, to;
};

enum cache_ranged {
    CACHE_WHOLE,          // no range is asked for, or none that has to be understood
    CACHE_PART,           // one range
    CACHE_UNSATISFIABLE,  // 416
};

/**
 * What Range asks for, If-Range considered. Several ranges are answered by the whole: parts of parts are a known way to
 * make a server work hard (CVE-2011-3192).
 * @param length of the whole
 */
enum cache_ranged cache_condition_range(const struct http1_head *request, const struct http1_head *stored, uint64_t length, int64_t now, struct cache_range *out);
/** Reads the value of a Range field. CACHE_WHOLE: to be ignored. */
enum cache_ranged cache_range_read(struct span value, uint64_t length, struct cache_range *out);
