#include "test.h"

#include "../src/telemetry.c"

#include "fixture.h"

static struct meter *meter_of(struct worker *w, unsigned node) {
    struct snapshot *s = w->lease->snapshot;
    return telemetry_meter(&w->telemetry, 0, snapshot_pair(s, 0, node));
}

/** The entries of the Telemetry frame, which is the first. */
static struct frame_telemetry read_frame(const struct frame_buffer *out) {
    struct frame_view view;
    struct frame_telemetry t;
    CHECK(frame_peek(out->data, out->size, &view) == FRAME_OK && view.type == FRAME_TELEMETRY);
    CHECK(frame_decode_telemetry(view.payload, &t) == FRAME_OK);
    return t;
}

static void what_ends_is_counted_by_how_it_ended(void) {
    struct worker w;
    fixture_worker(&w, fixture_snapshot("\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1},{\"name\":\"b\",\"address\":\"127.0.0.1\",\"port\":2}]"));
    struct meter *m = meter_of(&w, 0);
    CHECK(meter_of(&w, 0) == m && meter_of(&w, 1) != m);
    m->open = 7;
    telemetry_finish(m, 200, 0, 5000000, false);
    telemetry_finish(m, 404, 0, 7000000, false);
    telemetry_finish(m, 503, 0, 1, false);
    telemetry_finish(m, 200, EXCHANGE_UPSTREAM_FAILED, 1, false);
    telemetry_finish(m, 200, EXCHANGE_CLIENT_ABORTED, 1, false);
    telemetry_limited(m);
    telemetry_failed_try(m);
    telemetry_upgraded(m, 3000000);
    telemetry_finish(m, 101, 0, 99, true);
    CHECK(m->open == 0 && m->count == 7 && m->errors == 3 && m->aborts == 1 && m->sum_ns == 15000000);
    telemetry_close(&w.telemetry, 0);
    fixture_worker_end(&w);
}

static void a_frame_has_what_came_since_the_last_one_and_no_more(void) {
    struct worker w;
    fixture_worker(&w, fixture_snapshot("\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1}]"));
    struct meter *m = meter_of(&w, 0);
    m->open = 2;
    telemetry_finish(m, 200, 0, 5000000, false);
    for (unsigned round = 0; round < 2; round++) {
        struct frame_buffer out;
        frame_buffer_init(&out);
        telemetry_encode(&w, &out);
        struct frame_telemetry t = read_frame(&out);
        CHECK(t.worker == 0 && t.entries.count == 1);
        free(out.data);
        CHECK(m->count == 0 && m->sum_ns == 0 && m->open == 1);
    }
    m->open = 0;
    // Nothing is open, nothing was counted: it is no longer told of.
    struct frame_buffer out;
    for (unsigned round = 0; round < 2; round++) {
        frame_buffer_init(&out);
        telemetry_encode(&w, &out);
        if (round == 1) CHECK(read_frame(&out).entries.count == 0 && list_empty(&w.telemetry.meters));
        free(out.data);
    }
    fixture_worker_end(&w);
}

TEST_MAIN(what_ends_is_counted_by_how_it_ended, a_frame_has_what_came_since_the_last_one_and_no_more)
