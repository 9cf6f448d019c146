/** @file cache_date.h Dates of HTTP (RFC 9110 5.6.7), to the second. */
#pragma once

#include "base.h"

/**
 * Reads any of the three forms a recipient has to know: IMF-fixdate, RFC 850, asctime. In any case, as RFC 9111 4.2 asks of caches.
 * @param now seconds since 1970: what century the two digits of RFC 850 are taken for
 * @return false: it is none of them
 */
bool cache_date_read(struct span text, int64_t now, int64_t *seconds);
