/**
 * @file chunked.h
 * Decoder of the chunked transfer coding (RFC 9112 7.1), one piece of input at a time, without copying.
 * Strict: CRLF only, size of hex digits only, extensions by their grammar and thrown away, no bare LF, no white space.
 */
#pragma once

#include "base.h"

/** Bytes a chunk's extensions may take: nobody uses them, some attack with them. */
#define CHUNKED_EXTENSION_MAX 256u

enum chunked_state {
    CHUNKED_SIZE,       // first digit
    CHUNKED_SIZE_MORE,  // further digits
    CHUNKED_EXTENSION,  // first character of a name, after ';'
    CHUNKED_NAME,
    CHUNKED_VALUE,      // first character of a value, after '='
    CHUNKED_TOKEN,
    CHUNKED_QUOTED,
    CHUNKED_ESCAPED,    // after a backslash between quotes
    CHUNKED_UNQUOTED,   // after the closing quote
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILERS,   // the last chunk was read: a trailer section follows (http1_parse_trailers)
    CHUNKED_DONE,       // set by the caller when it has read the trailers
};

/** Invariant: left is meaningful in SIZE_MORE (so far) and DATA (bytes to come). */
struct chunked {
    enum chunked_state state;
    uint64_t left;
    uint32_t extension;
    uint32_t digits;
};

enum chunked_result {
    CHUNKED_BAD = -1,
    CHUNKED_MORE = 0,   // all input used
    CHUNKED_PIECE = 1,  // *data is a piece of the body
    CHUNKED_END = 2,    // reached the trailer section
};

void chunked_init(struct chunked *c);
/**
 * Uses some of the input.
 * @param used set to how many bytes of `in` were used (framing and the piece)
 * @param data set on CHUNKED_PIECE; points into `in`
 */
enum chunked_result chunked_next(struct chunked *c, struct span in, size_t *used, struct span *data);
/** Writes "SIZE\r\n" into out (at least 20 bytes); returns its length. */
size_t chunked_write_size(char *out, uint64_t size);
