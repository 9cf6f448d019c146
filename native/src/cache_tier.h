/**
 * @file cache_tier.h
 * Whether the body of a stored answer that has a file is in memory too. Long ones are not: the kernel sends them from the page
 * cache (sendfile), and the memory is left to what is short.
 */
#pragma once

#include "cache_file.h"

/** What an open file takes of the kernel's memory, about: it counts as the cache's. */
#define CACHE_TIER_FILE_HELD 1024u

/**
 * Makes the object of a file.
 * @param fd the file, taken over
 * @return false: there is no room for it in memory, or, where the body was not read (body.p is NULL), among the open files
 */
bool cache_tier_restore(struct cache_object *o, const struct cache_file *file, int fd);
/** The object has been written to a file: another one may stand in its place, without its memory. @param fd the file, taken over */
void cache_tier_written(struct cache_object *o, const struct cache_file *file, int fd);
