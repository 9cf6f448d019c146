/**
 * @file json.h
 * JSON (RFC 8259) into a tree, strict: one value, valid UTF-8, no duplicate names, bounded depth.
 */
#pragma once

#include "arena.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/** A value; an element or member also carries its links. */
struct json {
    enum json_type type;
    bool boolean;
    double number;
    struct span text;     // string, unescaped; may hold NUL bytes
    struct span name;     // of a member
    struct json *first;   // children in order
    struct json *next;
    unsigned count;       // children
};

struct json_error {
    size_t offset;        // byte where reading stopped
    const char *message;
};

/** @return the value, living in the arena; NULL: see *error. */
struct json *json_parse(struct arena *arena, const char *text, size_t n, struct json_error *error);
/** What a value is, for messages: "a string", "an object"... */
const char *json_type_text(enum json_type type);
