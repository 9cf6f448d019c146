/**
 * @file cache_file.h
 * A stored answer as a file: a header of fixed size, then URL, variant, head and body. Integers are big-endian, so that a
 * file is the same on every machine. A checksum over all of it tells a file that is whole from one that is not.
 */
#pragma once

#include "cache_object.h"
#include "siphash.h"

/** Bytes before the URL. */
#define CACHE_FILE_HEADER 97u
/** Where the checksum stands; what follows it is what it is of. */
#define CACHE_FILE_SUM_AT 16u
/** Hex digits of a file's name: half of SHA-256 of URL and variant. Nothing a client sends stands in a path. */
#define CACHE_FILE_NAME 32u

/** What a file says; texts point into it. */
struct cache_file {
    struct cache_facts facts;
    int status;
    uint32_t head_304_size;
    struct span key, variant, head, body;
    uint64_t size;       // of the whole file
};

/** What stands before the body, to be freed; its checksum is still to be set. @param length of the body */
unsigned char *cache_file_prefix(const struct cache_object *o, uint64_t length, size_t *size);
/** The checksum of a file that is written in pieces: all of it is added, the prefix first. */
void cache_file_sum_begin(struct siphash *sum, const unsigned char *prefix, size_t size);
/** The bytes that belong at CACHE_FILE_SUM_AT, once the body was added. */
void cache_file_sum_end(const struct siphash *sum, unsigned char out[8]);
/** The file of a whole object, to be freed. */
unsigned char *cache_file_write(const struct cache_object *o, size_t *size);
/** Reads header, URL and variant of the first bytes of a file; head and body are not looked at, and have a place only if all is there. false: it is none. */
bool cache_file_peek(const unsigned char *bytes, size_t n, struct cache_file *out);
/**
 * Reads a file without its body, which is looked at piece by piece: body.p is NULL.
 * @return what the texts point into, to be freed; NULL: it is not whole, or not as it was written
 */
unsigned char *cache_file_check(int fd, uint64_t size, struct cache_file *out);
/** Reads a whole file. false: it is not whole, or not as it was written. */
bool cache_file_read(const unsigned char *bytes, size_t n, struct cache_file *out);
/** The name of the file for a URL and variant, a NUL behind it. */
void cache_file_name(char out[CACHE_FILE_NAME + 1], struct span key, struct span variant);
