/**
 * @file base.h
 * What every file may use: the standard headers, assertions, spans, and the list of functions nobody may call.
 */
#pragma once

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Unbounded writers fail the build: every copy in this program states its bound.
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat gets strtok

#define LIKELY(c) __builtin_expect(!!(c), 1)
#define UNLIKELY(c) __builtin_expect(!!(c), 0)

/** Crashes when `c` holds: a broken invariant is a bug, and going on would spread it. */
#define BUG_ON(c)                                       \
    do {                                                \
        if (UNLIKELY(c)) base_bug(__FILE__, __LINE__, #c); \
    } while (0)

#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/** Prints the broken invariant and aborts. */
_Noreturn void base_bug(const char *file, int line, const char *what);

/** malloc that cannot fail: without memory the process ends, and its supervisor starts another. */
void *base_alloc(size_t n);
/** base_alloc, zeroed. */
void *base_zalloc(size_t n);
/** realloc that cannot fail. */
void *base_realloc(void *p, size_t n);
/** Copies `n` bytes and appends a NUL. */
char *base_dup(const char *p, size_t n);

/** A piece of memory that somebody else owns. */
struct span {
    const char *p;
    size_t n;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *z) { return (struct span){z, strlen(z)}; }

static inline bool span_eq(struct span a, struct span b) { return a.n == b.n && memcmp(a.p, b.p, a.n) == 0; }

/** ASCII case-insensitive equality (field names, tokens). */
static inline bool span_ieq(struct span a, struct span b) { return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0; }

/** Takes optional whitespace (SP, HTAB) off both ends. */
static inline struct span span_trim(struct span s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

/**
 * Next element of a comma-separated list; trims it, skips empty ones.
 * @param rest what is left of the list, moved on by the call
 * @return false at the end
 */
bool span_next(struct span *rest, struct span *item);

/** FNV-1a, for tables whose keys come from the operator's config, never from clients. */
uint64_t span_hash(struct span s, uint64_t seed);
