/** @file cache_key.h What answers are stored under: the URL, as the origin is told it. */
#pragma once

#include "framing.h"

/** "https://host/path?query", the host in lower case; to be freed. @param host the origin's own name; NULL: it is told the client's */
char *cache_key_new(bool tls, const char *host, const struct framing *f);
/** Whether a URL's text begins with the prefix; one that begins with '/' is compared with what follows the authority. */
bool cache_key_begins(struct span url, struct span prefix);
/** The URL a reference (Location) names, if it is one of the same origin; NULL: it is not. To be freed. */
char *cache_key_resolve(const char *key, struct span reference);
