/*
 * The C codec against the golden vectors, and what vectors cannot say. Plain C without other dependencies, so
 * that it runs compiled for a big-endian machine as well. Exit 0: every check held.
 */
#include <stdlib.h>

#include "vectors.h"

unsigned test_count, failed_test_count, failure_count;

static void buckets_tile_the_line(void)
{
    for (unsigned index = 0; index < HISTOGRAM_BUCKETS; index++) {
        uint64_t lower = histogram_lower((uint16_t)index), upper = histogram_upper((uint16_t)index);
        CHECK(lower < upper);
        CHECK(histogram_index(lower) == index);
        CHECK(histogram_index(upper - 1) == index);
        CHECK(index < 32 || (upper - lower) * 32 <= lower);
    }
    CHECK(histogram_index(UINT64_MAX) == HISTOGRAM_BUCKETS - 1);
}

/* Every mutation of a byte either decodes or is refused; the sanitizers see reads out of bounds. */
static void mutations_never_crash(void)
{
    struct frame_config_ack ack = {.generation = 7, .ok = false, .path = frame_text("$.x"), .message = frame_text("no")};
    struct frame_buffer out;

    frame_buffer_init(&out);
    CHECK(frame_encode_config_ack(&out, &ack));
    for (size_t at = 0; at < out.size; at++) {
        uint8_t kept = out.data[at];
        for (int value = 0; value < 256; value++) {
            uint8_t *copy = malloc(out.size); /* exact size, so that one byte too far is seen */
            out.data[at] = (uint8_t)value;
            memcpy(copy, out.data, out.size);
            CHECK(decode_any(copy, out.size) <= FRAME_BAD_BOOL);
            free(copy);
        }
        out.data[at] = kept;
    }
    frame_buffer_release(&out);
}

static void failure_keeps_earlier_frames(void)
{
    uint8_t memory[64];
    uint8_t large[64] = {0};
    struct frame_buffer out;
    struct frame_dropped dropped = {.count = 3};
    struct frame_config config = {.generation = 1, .json = frame_bytes(large, sizeof large)};

    frame_buffer_init_fixed(&out, memory, sizeof memory);
    CHECK(frame_encode_dropped(&out, &dropped));
    CHECK(out.size == 14);
    CHECK(!frame_encode_config(&out, &config));
    CHECK(out.size == 14 && !out.failed);
    CHECK(frame_encode_dropped(&out, &dropped));
    CHECK(out.size == 28);
}

static void oversize_is_refused(void)
{
    struct frame_exchange exchange = {.response_body = {NULL, FRAME_MAX_BYTES}};
    struct frame_buffer out;

    frame_buffer_init(&out);
    CHECK(!frame_encode_exchange_prefix(&out, &exchange));
    exchange.response_body.size = SIZE_MAX;
    CHECK(!frame_encode_exchange_prefix(&out, &exchange));
    exchange.response_body.size = 1;
    exchange.request_body.size = SIZE_MAX;
    CHECK(!frame_encode_exchange_prefix(&out, &exchange));
    CHECK(out.size == 0 && !out.failed);
    frame_buffer_release(&out);
}

int main(void)
{
    run_vectors();
    RUN_TEST(buckets_tile_the_line);
    RUN_TEST(mutations_never_crash);
    RUN_TEST(failure_keeps_earlier_frames);
    RUN_TEST(oversize_is_refused);
    printf("frames: %u passed, %u failed\n", test_count - failed_test_count, failed_test_count);
    return failure_count == 0 ? 0 : 1;
}
