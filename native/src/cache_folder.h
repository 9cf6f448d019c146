/**
 * @file cache_folder.h
 * The files of stored answers: which there are (cache_index.h), how much room they take, and how they come and go. Any thread
 * may call; one lock is held for a look or a change of name, never while bytes are read or written.
 *
 * While one process takes over from another, both have the folder. The old one yields before it says that it goes: it still
 * reads, and changes nothing. The new one then takes in what was written since it began.
 */
#pragma once

#include "cache_file.h"
#include "cache_vary.h"

struct cache_spill;

struct cache_disk_counts {
    uint64_t bytes, objects;
    uint64_t hits, damaged, failures;  // since start
};

/** Makes the folder if it is not there. false: *why says what is wrong. */
bool cache_folder_open(const char *path, uint64_t bytes, char *why, size_t size);
void cache_folder_close(void);
int cache_folder_fd(void);
/** Takes in what lies there. Files with names that are not ours are let alone. @param since only what was written after that time, s of the epoch; 0: all */
void cache_folder_scan(int64_t since);
/** From now on nothing is written, renamed or removed. */
void cache_folder_yield(void);
/** Takes room for a file that is to be written, others go for it. false: it is more than there is. */
bool cache_folder_take_room(uint64_t bytes);
void cache_folder_give_room_back(uint64_t bytes);
/** A name for a file that is not whole yet. */
void cache_folder_temporary(char name[64]);
/** Puts a written file into its place, with the room taken for it, unless what it holds has been purged meanwhile. */
bool cache_folder_publish(const struct cache_object *o, const char *temporary, const struct cache_file *file);
/** Removes a file that was not published. @param failed it could not be written: counted */
void cache_folder_discard(const char *temporary, uint64_t room, bool failed);
/** The name of the file for a request. false: there is none. */
bool cache_folder_find(const struct cache_object *o, const struct http1_head *request, const struct cache_shown *shown, char name[CACHE_FILE_NAME + 1]);
/** Opens a file that was found; -1: it is gone, or none of ours. */
int cache_folder_read(const char *name, uint64_t *size);
enum cache_folder_read { CACHE_FOLDER_HIT, CACHE_FOLDER_NO_ROOM /* in memory */, CACHE_FOLDER_GONE, CACHE_FOLDER_DAMAGED };
/** What came of reading it: what is gone or damaged is not found again. */
void cache_folder_was_read(uint64_t hash, const char *name, enum cache_folder_read what);
/** Files of a URL go. */
void cache_folder_invalidate(struct span key, uint64_t hash);
/** Files of URLs that begin so go; see cache_store_purge. @return how many */
uint64_t cache_folder_purge(struct span prefix);
void cache_folder_counts(struct cache_disk_counts *out);
