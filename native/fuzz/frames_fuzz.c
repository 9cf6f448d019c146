/** @file frames_fuzz.c What a control peer may send: frames are found and decoded inside their bytes, or refused. */
#include "base.h"
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct frame_span s, const uint8_t *data, size_t size) { BUG_ON(s.size && (s.data < data || s.data + s.size > data + size)); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct frame_view view;
    for (size_t at = 0; at < size;) {
        if (frame_peek(data + at, size - at, &view) != FRAME_OK) return 0;
        BUG_ON(view.total > size - at);
        struct frame_config config;
        struct frame_subscribe subscribe;
        struct frame_exchange exchange;
        struct frame_telemetry telemetry;
        if (view.type == FRAME_CONFIG && frame_decode_config(view.payload, &config) == FRAME_OK) inside(config.json, data, size);
        if (view.type == FRAME_SUBSCRIBE) frame_decode_subscribe(view.payload, &subscribe);
        if (view.type == FRAME_EXCHANGE && frame_decode_exchange(view.payload, &exchange) == FRAME_OK) inside(exchange.response_body, data, size);
        if (view.type == FRAME_TELEMETRY) frame_decode_telemetry(view.payload, &telemetry);
        at += view.total;
    }
    return 0;
}
