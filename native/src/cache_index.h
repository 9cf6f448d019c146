/**
 * @file cache_index.h
 * Which stored answers lie on disk: found by URL and variant without looking there, bounded in bytes, and chosen to go by
 * the policy of the memory (cache_evict.h). A structure without a lock: its owner's (cache_disk.h).
 */
#pragma once

#include "cache_file.h"
#include "cache_vary.h"

struct cache_index {
    struct list *buckets;
    struct cache_evict evict;
    uint64_t room;           // bytes
    uint64_t count;
};

/** A file. */
struct cache_entry {
    struct list bucket;
    struct cache_place place;
    uint64_t hash;           // of the URL
    char name[CACHE_FILE_NAME + 1];
    uint32_t key_size, variant_size;
    char texts[];            // URL, variant
};

void cache_index_init(struct cache_index *index, uint64_t room);
void cache_index_close(struct cache_index *index);
/** Adds a file, in the place of one of the same name. */
void cache_index_add(struct cache_index *index, uint64_t hash, const struct cache_file *file);
/** The file for a request; NULL: none. */
struct cache_entry *cache_index_find(struct cache_index *index, uint64_t hash, struct span key, const struct http1_head *request, const struct cache_shown *shown);
struct cache_entry *cache_index_named(struct cache_index *index, uint64_t hash, const char *name);
/** Takes a file out; the entry is freed. */
void cache_index_remove(struct cache_index *index, struct cache_entry *e);
/** Which file is to go so that `more` bytes fit; NULL: they do, or nothing is left. */
struct cache_entry *cache_index_victim(struct cache_index *index, uint64_t more);
/** A file of the URL; NULL: no more. */
struct cache_entry *cache_index_of(struct cache_index *index, uint64_t hash, struct span key);
/** The first file, from bucket *at on, whose URL begins so (cache_key_begins); NULL: no more. */
struct cache_entry *cache_index_next(struct cache_index *index, unsigned *at, struct span prefix);
