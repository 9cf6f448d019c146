/**
 * @file config_read.h
 * Reading values out of the config's JSON tree; each failure names the path. Only config*.c include this, hence the
 * short names. All get_ functions leave `out` alone when the key is absent and return false after an error.
 */
#pragma once

#include "config.h"
#include "json.h"

#define MS 1000000ull

struct reader {
    struct config *config;
    struct config_error *error;
    char path[256];
};

/** Notes what is wrong at a path (the first error stays); false. */
__attribute__((format(printf, 3, 4))) bool fail(struct reader *r, const char *path, const char *format, ...);
/** "a.b", or "b" at the top; valid until the next call. */
const char *path_of(struct reader *r, const char *parent, const char *key);
/** The value under a key, or NULL. */
const struct json *member(const struct json *object, const char *key);
/** Refuses keys that are not in the NULL-terminated list. */
bool only_keys(struct reader *r, const struct json *object, const char *path, const char *const *keys);
bool get_integer(struct reader *r, const struct json *object, const char *path, const char *key, double min, double max, uint64_t *out);
/** Milliseconds, stored as ns; the same bounds for all times. */
bool get_time(struct reader *r, const struct json *object, const char *path, const char *key, uint64_t *out);
bool get_bool(struct reader *r, const struct json *object, const char *path, const char *key, bool *out);
/** Text without control characters (it goes to logs and socket paths). */
bool get_text(struct reader *r, const struct json *v, const char *at, size_t max, const char **out);
bool get_string(struct reader *r, const struct json *object, const char *path, const char *key, bool required, size_t max, const char **out);
/** One of a NULL-terminated list of words. */
bool get_choice(struct reader *r, const struct json *object, const char *path, const char *key, const char *const *words, int *out);
bool get_address(struct reader *r, const struct json *object, const char *path, const char **address, uint16_t *port, double min_port,
                 struct sockaddr_storage *sa, socklen_t *length);
/** The array under a top-level key: its children's count and first; absent is empty. */
bool get_array(struct reader *r, const struct json *root, const char *key, unsigned *count, const struct json **first);
/** An array of address ranges under any object's key; absent is empty. */
bool get_ranges(struct reader *r, const struct json *object, const char *path, const char *key, struct config_ranges *out);
/** Whether a text is a token of HTTP (RFC 9110 5.6.2), or empty. */
bool valid_token(const char *text);
/** A number from 0 to 1. */
bool get_share(struct reader *r, const struct json *object, const char *path, const char *key, double *out);
/** {rate, burst}, among an object's other keys. */
bool get_rate(struct reader *r, const struct json *object, const char *path, struct limit_rate *out);
