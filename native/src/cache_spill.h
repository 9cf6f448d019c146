/**
 * @file cache_spill.h
 * A body that is too large for the memory goes into a file as it comes, and is read from there by whoever is as far. A worker
 * begins it and hands pieces over; the disk's thread writes them (cache_disk.h), so that no worker waits for a disk: what waits
 * to be written is bounded, and the origin waits when there is as much.
 *
 * The file has a name of its own until it is whole, and takes its room at once where the file system can do that: a disk that
 * is full is found before the first byte was sent.
 */
#pragma once

#include "cache_object.h"
#include "siphash.h"

/** Bytes of one body that may wait to be written: some round trips to the thread. */
#define CACHE_SPILL_WINDOW (256u * 1024)

/** Invariant: `size` of the disk's room is taken for it until it is published or ended. */
struct cache_spill {
    char name[64];             // of the file until it is whole
    uint64_t size;             // of the whole file
    _Atomic uint64_t queued;   // bytes handed over and not written
    _Atomic bool failed;       // it can not be written
    bool published;            // the thread's, as is this:
    struct siphash sum;
};

/** Makes the file, and the object's body. The object's head is set; its room was taken. false: it cannot be; the file may be there. */
bool cache_spill_begin(struct cache_object *o, uint64_t length, int folder, const char *name);
/** How many of the bytes may be handed over now. */
size_t cache_spill_room(const struct cache_spill *s, size_t n);
/** Writes a piece behind the last one. false: the disk failed, or the object has. */
bool cache_spill_write(struct cache_object *o, const unsigned char *bytes, size_t n);
/** All was written: the checksum is set, and what waiting pieces held is given back. false: not all of it is there. */
bool cache_spill_seal(struct cache_object *o);
/** The body goes: a file that was not published does too. Frees it. */
void cache_spill_end(struct cache_spill *s);
