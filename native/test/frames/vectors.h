/* What the generated vectors (vectors.c) and the hand-written part (frames_test.c) share. */
#ifndef DHARMA_TEST_FRAMES_VECTORS_H
#define DHARMA_TEST_FRAMES_VECTORS_H

#include <stdio.h>
#include <string.h>

#include "frames.h"
#include "histogram.h"

extern unsigned test_count, failed_test_count, failure_count;

/* One test: a function whose checks all hold. */
#define RUN_TEST(function)                          \
    do {                                            \
        unsigned before = failure_count;            \
        function();                                 \
        test_count++;                               \
        failed_test_count += failure_count > before; \
    } while (0)

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            failure_count++;                                                      \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                         \
    } while (0)

#define CHECK_SPAN(span, expected) CHECK(span_equals((span), (expected)))
#define CHECK_GOLDEN(buffer) CHECK(span_equals(frame_bytes((buffer).data, (buffer).size), frame_bytes(golden, sizeof golden)))

/* In memory of every size smaller than the frame, encode must report failure, keep the size and touch
 * nothing outside; in memory of the exact size it must succeed. */
#define CHECK_BOUNDED(encode)                                            \
    do {                                                                 \
        for (size_t room = 0; room <= sizeof golden; room++) {           \
            uint8_t memory[sizeof golden + 1];                           \
            struct frame_buffer bounded;                                 \
            memory[room] = 0xa5;                                         \
            frame_buffer_init_fixed(&bounded, memory, room);             \
            CHECK(encode(&bounded, &in) == (room == sizeof golden));     \
            CHECK(bounded.size == (room == sizeof golden ? room : 0));   \
            CHECK(!bounded.failed && memory[room] == 0xa5);              \
        }                                                                \
    } while (0)

static inline bool span_equals(struct frame_span a, struct frame_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Finds and decodes the one frame in `data`. */
enum frame_result decode_any(const void *data, size_t size);
void run_vectors(void);

#endif
