/**
 * @file cache_disk.h
 * Stored answers behind the memory: written when they are whole, read back when they are asked for and no longer, or after
 * a restart not yet, in memory. All reading and writing is a thread's of its own: no worker waits for a disk.
 *
 * A file appears by rename, whole or not at all; one that a crash or the disk has damaged is found by its checksum when it is
 * read, and dropped. Where nothing can be written, answers are served as ever, and counted.
 */
#pragma once

#include "cache_object.h"
#include "cache_vary.h"

struct cache_disk_counts {
    uint64_t bytes, objects;
    uint64_t hits, damaged, failures;  // since start
};

/** Before the workers: makes the folder if it is not there, and takes in what lies in it. false: *why says what is wrong. */
bool cache_disk_open(const char *folder, uint64_t bytes, char *why, size_t size);
/** The thread ends when what waits to be written is written. */
void cache_disk_close(void);
/** An answer became whole. */
void cache_disk_put(struct cache_object *o);
/**
 * Begins to read the file for a pending object; it becomes complete, or fails, with `loaded` set.
 * @return false: there is none
 */
bool cache_disk_load(struct cache_object *o, const struct http1_head *request, const struct cache_shown *shown);
/** Files of URLs with this hash go. */
void cache_disk_invalidate(struct span key, uint64_t hash);
/** Files of URLs that begin so go; see cache_store_purge. @return how many */
uint64_t cache_disk_purge(struct span prefix);
void cache_disk_read_counts(struct cache_disk_counts *out);
