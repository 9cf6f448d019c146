/*
 * Bytes of a frame: the primitives under the generated codec (frames.h).
 *
 * Every integer is written and read byte by byte, most significant first, so that the result does not
 * depend on the machine's byte order, alignment or struct layout.
 */
#ifndef DHARMA_FRAME_WIRE_H
#define DHARMA_FRAME_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* u32 length | u8 version | u8 type; length counts what follows it. */
#define FRAME_HEADER_SIZE 6

/* Bytes owned by somebody else; data may be NULL when size is 0. */
struct frame_span {
    const uint8_t *data;
    size_t size;
};

/* An array as it stands on the wire: count elements, back to back, without the count. Walk it with
 * frame_array_reader() and the elements' frame_get_ functions. */
struct frame_array {
    struct frame_span encoded;
    uint32_t count;
};

/*
 * Where frames are written. Invariant: 0 <= size <= capacity. Either it owns its memory and grows, or it is
 * bounded by the caller's memory. A put that finds no room sets `failed` and writes nothing more; the
 * function that ends a frame then takes the whole frame back and reports false.
 */
struct frame_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool growable;
    bool failed;
};

/* Why bytes were refused; 0 is success. */
enum frame_result {
    FRAME_OK = 0,
    FRAME_INCOMPLETE, /* only from frame_peek: more bytes must arrive first */
    FRAME_BAD_VERSION,
    FRAME_BAD_TYPE,
    FRAME_TOO_LARGE,
    FRAME_SHORT,    /* the payload ends inside a field */
    FRAME_TRAILING, /* bytes are left after the last field */
    FRAME_BAD_BOOL  /* neither 0 nor 1 */
};

/* A whole frame found at the start of some bytes. */
struct frame_view {
    uint8_t type;
    struct frame_span payload;
    size_t total; /* bytes of the frame, header included */
};

/* Reads forward over a span. After a failure nothing more is read, and every get returns 0 or empty. */
struct frame_reader {
    const uint8_t *data;
    size_t left;
    enum frame_result result;
};

/* A buffer that grows as needed; free it with frame_buffer_release. */
void frame_buffer_init(struct frame_buffer *buffer);
/* A buffer over the caller's memory that never grows. */
void frame_buffer_init_fixed(struct frame_buffer *buffer, void *memory, size_t capacity);
void frame_buffer_release(struct frame_buffer *buffer);
/* Forgets the content, keeps the memory. */
void frame_buffer_clear(struct frame_buffer *buffer);
/* Room for `size` bytes that the caller fills; NULL (and failed) when there is none. */
uint8_t *frame_buffer_reserve(struct frame_buffer *buffer, size_t size);

void frame_put_u8(struct frame_buffer *out, uint8_t value);
void frame_put_u16(struct frame_buffer *out, uint16_t value);
void frame_put_u32(struct frame_buffer *out, uint32_t value);
void frame_put_u64(struct frame_buffer *out, uint64_t value);
void frame_put_bool(struct frame_buffer *out, bool value);
/* Raw bytes without a length: pieces of a bytes field whose u32 length was put before. */
void frame_put_raw(struct frame_buffer *out, const void *data, size_t size);
/* A whole string or bytes field: u32 length and data. */
void frame_put_bytes(struct frame_buffer *out, struct frame_span bytes);
void frame_put_array(struct frame_buffer *out, struct frame_array array);
/* Overwrites a u32 written before at `offset`: a count that is known only afterwards. */
void frame_patch_u32(struct frame_buffer *out, size_t offset, uint32_t value);

/* Opens a frame of unknown length; returns the mark that frame_end takes. */
size_t frame_begin(struct frame_buffer *out, uint8_t type);
/* Closes the frame opened at `mark`: writes its length. False: no room, or over the maximum; then the
 * buffer is as it was at frame_begin. */
bool frame_end(struct frame_buffer *out, size_t mark);
/* Writes a header for a payload whose size is known. */
void frame_put_header(struct frame_buffer *out, uint8_t type, size_t payload_size);
/* Takes back what was written since `mark` if anything failed since; returns whether all went well. */
bool frame_commit(struct frame_buffer *out, size_t mark);

/* Looks for one whole frame at the start of `data`. FRAME_INCOMPLETE until it is all there. */
enum frame_result frame_peek(const void *data, size_t size, struct frame_view *view);

void frame_reader_init(struct frame_reader *reader, struct frame_span span);
/* A reader over the elements of a decoded array. */
struct frame_reader frame_array_reader(struct frame_array array);
/* FRAME_OK only if every get succeeded and nothing is left. */
enum frame_result frame_reader_finish(const struct frame_reader *reader);
uint8_t frame_get_u8(struct frame_reader *reader);
uint16_t frame_get_u16(struct frame_reader *reader);
uint32_t frame_get_u32(struct frame_reader *reader);
uint64_t frame_get_u64(struct frame_reader *reader);
bool frame_get_bool(struct frame_reader *reader);
struct frame_span frame_get_bytes(struct frame_reader *reader);

/* A span over a C string or over `size` bytes. */
struct frame_span frame_text(const char *text);
struct frame_span frame_bytes(const void *data, size_t size);
const char *frame_result_text(enum frame_result result);

#endif
