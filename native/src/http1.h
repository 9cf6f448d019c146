/**
 * @file http1.h
 * Parser of HTTP/1.x message heads (RFC 9112), strict: what two readers could understand differently is refused.
 *
 * Zero-copy: every span points into the caller's buffer. The contract is picohttpparser's (> 0 bytes used, bad, or
 * incomplete, with the length seen last time so that a slow sender cannot make it rescan); the code is ours.
 */
#pragma once

#include "base.h"

/** The most header fields a head may have, whatever the config says. */
#define HTTP1_FIELDS_MAX 512u

/** Fields the proxy itself reads or writes. */
enum http1_field_id {
    FIELD_OTHER = 0,
    FIELD_CLAIM,  // see claims.h; those below that are claims have ids of their own
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_DATE,
    FIELD_DISGUISED,  // Content-Length or Transfer-Encoding spelled with '_', which CGI and its kin take for the field itself
    FIELD_EXPECT,
    FIELD_FORWARDED,
    FIELD_HOST,
    FIELD_HTTP2_SETTINGS,
    FIELD_KEEP_ALIVE,
    FIELD_PROXY,
    FIELD_PROXY_CONNECTION,
    FIELD_TE,
    FIELD_TRAILER,
    FIELD_TRANSFER_ENCODING,
    FIELD_UPGRADE,
    FIELD_X_FORWARDED_FOR,
    FIELD_X_FORWARDED_HOST,
    FIELD_X_FORWARDED_PROTO,
};

struct http1_field {
    struct span name;
    struct span value;         // without surrounding white space
    enum http1_field_id id;
};

/** A parsed head. Invariant: count <= the limit given to the parser; all spans lie inside the parsed bytes. */
struct http1_head {
    struct span method, target;  // requests
    int status;                  // responses: 100..999
    struct span reason;          // responses: may be empty
    int minor;                   // HTTP/1.minor, 0 or 1
    unsigned count;
    struct http1_field fields[HTTP1_FIELDS_MAX];
};

/** Results below 0. */
enum http1_result {
    HTTP1_PARTIAL = -1,
    HTTP1_BAD = -2,       // 400
    HTTP1_MANY = -3,      // more fields than allowed: 431
    HTTP1_VERSION = -4,   // not HTTP/1: 505
};

/**
 * Parses a request head at the start of buf (one empty line before it is skipped, RFC 9112 2.2).
 * @param last length at the previous call for the same head, 0 at first
 * @param max_fields at most HTTP1_FIELDS_MAX
 * @return bytes of the head including the blank line, or an http1_result
 */
int http1_parse_request(const char *buf, size_t len, size_t last, unsigned max_fields, struct http1_head *out);
/** The same for a response head. */
int http1_parse_response(const char *buf, size_t len, size_t last, unsigned max_fields, struct http1_head *out);
/**
 * Parses field lines up to the blank line: a chunked body's trailer section.
 * @return as above
 */
int http1_parse_trailers(const char *buf, size_t len, size_t last, unsigned max_fields, struct http1_head *out);

/** Whether c may stand in a token (method, field name). */
bool http1_is_token_char(unsigned char c);
/** Which known field this is. */
enum http1_field_id http1_field_id(struct span name);
