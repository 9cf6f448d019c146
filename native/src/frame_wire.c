#include "frame_wire.h"

#include <stdlib.h>
#include <string.h>

#include "frames.h"

/* Most control frames fit; a growing buffer doubles from here. */
#define FRAME_BUFFER_FIRST 1024

void frame_buffer_init(struct frame_buffer *buffer)
{
    *buffer = (struct frame_buffer){.growable = true};
}

void frame_buffer_init_fixed(struct frame_buffer *buffer, void *memory, size_t capacity)
{
    *buffer = (struct frame_buffer){.data = memory, .capacity = capacity};
}

void frame_buffer_release(struct frame_buffer *buffer)
{
    if (buffer->growable)
        free(buffer->data);
    *buffer = (struct frame_buffer){.growable = buffer->growable};
}

void frame_buffer_clear(struct frame_buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

static bool grow(struct frame_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FRAME_BUFFER_FIRST;
    uint8_t *data;

    while (capacity < needed) {
        if (capacity > SIZE_MAX / 2)
            return false;
        capacity *= 2;
    }
    data = realloc(buffer->data, capacity);
    if (data == NULL)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

uint8_t *frame_buffer_reserve(struct frame_buffer *buffer, size_t size)
{
    uint8_t *at;

    if (buffer->failed)
        return NULL;
    if (size > buffer->capacity - buffer->size) {
        if (!buffer->growable || size > SIZE_MAX - buffer->size || !grow(buffer, buffer->size + size)) {
            buffer->failed = true;
            return NULL;
        }
    }
    if (buffer->data == NULL) { /* zero bytes asked of a buffer that has none yet */
        static uint8_t nothing;
        return &nothing;
    }
    at = buffer->data + buffer->size;
    buffer->size += size;
    return at;
}

static void store(uint8_t *at, uint64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (uint8_t)(value & 0xff);
        value >>= 8;
    }
}

static uint64_t load(const uint8_t *at, int width)
{
    uint64_t value = 0;

    for (int i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

static void put_integer(struct frame_buffer *out, uint64_t value, int width)
{
    uint8_t *at = frame_buffer_reserve(out, (size_t)width);

    if (at != NULL)
        store(at, value, width);
}

void frame_put_u8(struct frame_buffer *out, uint8_t value)
{
    put_integer(out, value, 1);
}

void frame_put_u16(struct frame_buffer *out, uint16_t value)
{
    put_integer(out, value, 2);
}

void frame_put_u32(struct frame_buffer *out, uint32_t value)
{
    put_integer(out, value, 4);
}

void frame_put_u64(struct frame_buffer *out, uint64_t value)
{
    put_integer(out, value, 8);
}

void frame_put_bool(struct frame_buffer *out, bool value)
{
    put_integer(out, value ? 1 : 0, 1);
}

void frame_put_raw(struct frame_buffer *out, const void *data, size_t size)
{
    uint8_t *at;

    if (size == 0)
        return;
    at = frame_buffer_reserve(out, size);
    if (at != NULL)
        memcpy(at, data, size);
}

void frame_put_bytes(struct frame_buffer *out, struct frame_span bytes)
{
    if (bytes.size > FRAME_MAX_BYTES) {
        out->failed = true;
        return;
    }
    frame_put_u32(out, (uint32_t)bytes.size);
    frame_put_raw(out, bytes.data, bytes.size);
}

void frame_put_array(struct frame_buffer *out, struct frame_array array)
{
    frame_put_u32(out, array.count);
    frame_put_raw(out, array.encoded.data, array.encoded.size);
}

void frame_patch_u32(struct frame_buffer *out, size_t offset, uint32_t value)
{
    if (!out->failed && offset <= out->size && out->size - offset >= 4)
        store(out->data + offset, value, 4);
}

size_t frame_begin(struct frame_buffer *out, uint8_t type)
{
    size_t mark = out->size;

    frame_put_header(out, type, 0);
    return mark;
}

bool frame_end(struct frame_buffer *out, size_t mark)
{
    if (!out->failed) {
        size_t following = out->size - mark - 4;
        if (following > FRAME_MAX_BYTES)
            out->failed = true;
        else
            frame_patch_u32(out, mark, (uint32_t)following);
    }
    return frame_commit(out, mark);
}

void frame_put_header(struct frame_buffer *out, uint8_t type, size_t payload_size)
{
    if (payload_size > FRAME_MAX_BYTES - 2) {
        out->failed = true;
        return;
    }
    frame_put_u32(out, (uint32_t)(payload_size + 2));
    frame_put_u8(out, FRAME_VERSION);
    frame_put_u8(out, type);
}

bool frame_commit(struct frame_buffer *out, size_t mark)
{
    if (!out->failed)
        return true;
    out->size = mark;
    out->failed = false;
    return false;
}

enum frame_result frame_peek(const void *data, size_t size, struct frame_view *view)
{
    const uint8_t *bytes = data;
    size_t following;

    if (size < 4)
        return FRAME_INCOMPLETE;
    following = (size_t)load(bytes, 4);
    if (following > FRAME_MAX_BYTES)
        return FRAME_TOO_LARGE;
    if (following < 2)
        return FRAME_SHORT;
    if (size >= 5 && bytes[4] != FRAME_VERSION)
        return FRAME_BAD_VERSION;
    if (size - 4 < following)
        return FRAME_INCOMPLETE;
    view->type = bytes[5];
    view->payload = frame_bytes(bytes + FRAME_HEADER_SIZE, following - 2);
    view->total = following + 4;
    return FRAME_OK;
}

void frame_reader_init(struct frame_reader *reader, struct frame_span span)
{
    *reader = (struct frame_reader){.data = span.data, .left = span.size, .result = FRAME_OK};
}

struct frame_reader frame_array_reader(struct frame_array array)
{
    struct frame_reader reader;

    frame_reader_init(&reader, array.encoded);
    return reader;
}

enum frame_result frame_reader_finish(const struct frame_reader *reader)
{
    if (reader->result != FRAME_OK)
        return reader->result;
    return reader->left == 0 ? FRAME_OK : FRAME_TRAILING;
}

static const uint8_t *take(struct frame_reader *reader, size_t size)
{
    const uint8_t *at = reader->data;

    if (reader->result != FRAME_OK)
        return NULL;
    if (size > reader->left) {
        reader->result = FRAME_SHORT;
        return NULL;
    }
    reader->data += size;
    reader->left -= size;
    return at;
}

static uint64_t get_integer(struct frame_reader *reader, int width)
{
    const uint8_t *at = take(reader, (size_t)width);

    return at == NULL ? 0 : load(at, width);
}

uint8_t frame_get_u8(struct frame_reader *reader)
{
    return (uint8_t)get_integer(reader, 1);
}

uint16_t frame_get_u16(struct frame_reader *reader)
{
    return (uint16_t)get_integer(reader, 2);
}

uint32_t frame_get_u32(struct frame_reader *reader)
{
    return (uint32_t)get_integer(reader, 4);
}

uint64_t frame_get_u64(struct frame_reader *reader)
{
    return get_integer(reader, 8);
}

bool frame_get_bool(struct frame_reader *reader)
{
    uint64_t value = get_integer(reader, 1);

    if (value > 1)
        reader->result = FRAME_BAD_BOOL;
    return value == 1;
}

struct frame_span frame_get_bytes(struct frame_reader *reader)
{
    size_t size = frame_get_u32(reader);

    if (size == 0)
        return frame_bytes(NULL, 0);
    const uint8_t *data = take(reader, size);
    return data == NULL ? frame_bytes(NULL, 0) : frame_bytes(data, size);
}

struct frame_span frame_text(const char *text)
{
    return frame_bytes(text, strlen(text));
}

struct frame_span frame_bytes(const void *data, size_t size)
{
    return (struct frame_span){.data = data, .size = size};
}

const char *frame_result_text(enum frame_result result)
{
    switch (result) {
    case FRAME_OK:
        return "ok";
    case FRAME_INCOMPLETE:
        return "incomplete frame";
    case FRAME_BAD_VERSION:
        return "frame of another version";
    case FRAME_BAD_TYPE:
        return "unknown frame type";
    case FRAME_TOO_LARGE:
        return "frame over the size limit";
    case FRAME_SHORT:
        return "frame ends inside a field";
    case FRAME_TRAILING:
        return "bytes after the frame's last field";
    case FRAME_BAD_BOOL:
        return "boolean that is neither 0 nor 1";
    }
    return "unknown";
}
