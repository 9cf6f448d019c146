/**
 * @file cache_disk.h
 * Stored answers behind the memory: written when they are whole, or as they come where they are too large for it
 * (cache_spill.h), read back when they are asked for and no longer, or after a restart not yet, in memory. All writing, and all
 * reading in order to know, is a thread's of its own: no worker waits for a disk.
 *
 * A file appears by rename, whole or not at all; one that a crash or the disk has damaged is found by its checksum when it is
 * read, and dropped. Where nothing can be written, answers are served as ever, and counted.
 */
#pragma once

#include "cache_folder.h"
#include "cache_object.h"

/** Before the workers: makes the folder if it is not there, and takes in what lies in it. false: *why says what is wrong. */
bool cache_disk_open(const char *folder, uint64_t bytes, char *why, size_t size);
/** The workers have ended: the thread does too, when what waits to be written is written. */
void cache_disk_stop(void);
/** The objects are gone. */
void cache_disk_close(void);
/** The other process that had the folder has yielded it (cache_folder.h): what it wrote is taken in. */
void cache_disk_taken_over(void);
/** Another process has the folder from now on. */
void cache_disk_yield(void);
/** An answer became whole. */
void cache_disk_put(struct cache_object *o);
/**
 * Begins to read the file for a pending object; it becomes complete, or fails, with `loaded` set.
 * @return false: there is none
 */
bool cache_disk_load(struct cache_object *o, const struct http1_head *request, const struct cache_shown *shown);

/* Bodies that go to disk as they come. The object's head, variant and facts are set, and nobody else knows it yet. */

/** Makes the object's body, of `length` bytes, in a file. false: there is no room for it. */
bool cache_disk_begin(struct cache_object *o, uint64_t length);
/** Hands bytes over to be written. @return how many; 0: enough waits to be written, or (spill->failed) it cannot be; the object changes */
size_t cache_disk_append(struct cache_object *o, struct span bytes);
/** All has been handed over: the object becomes complete, or fails. */
void cache_disk_end(struct cache_object *o);
/** A spill that was not published goes with its body. */
void cache_disk_give_up(const struct cache_spill *s);

/** Files of a URL go. */
void cache_disk_invalidate(struct span key, uint64_t hash);
/** Files of URLs that begin so go; see cache_store_purge. @return how many */
uint64_t cache_disk_purge(struct span prefix);
void cache_disk_read_counts(struct cache_disk_counts *out);
