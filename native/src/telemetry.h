/**
 * @file telemetry.h
 * What one worker counts: per endpoint and node, and for itself. Sent as a Telemetry frame every interval.
 */
#pragma once

#include "account.h"
#include "histogram.h"

struct worker;

#define METER_OCTAVES (HISTOGRAM_BUCKETS / FRAME_HISTOGRAM_SUB_BUCKETS)

/** Counters of one endpoint on one node, since the last frame. Exists while something was counted or is open. */
struct meter {
    struct list link;            // telemetry->meters
    struct account_pair *pair;   // one reference
    uint64_t count, errors, aborts, sum_ns;
    uint64_t client_limited, endpoint_limited;  // requests over a limit, see telemetry_limited
    uint32_t open;
    uint32_t *octaves[METER_OCTAVES];  // histogram, 32 buckets each, made when first used
};

struct telemetry {
    struct list meters;
    uint32_t clients, open_requests;
    uint64_t glitches;           // since the last frame, as are these:
    uint64_t queued, queue_full, queue_expired, connections_limited;
    uint64_t since;              // time of the last frame, ns
};

void telemetry_init(struct telemetry *t, uint64_t now);
void telemetry_close(struct telemetry *t, unsigned worker);
/** The meter of a pair in this worker. */
struct meter *telemetry_meter(struct telemetry *t, unsigned worker, struct account_pair *pair);
/** An exchange has ended: takes it off `open` and counts it. @param flags enum frame_exchange_flag */
void telemetry_finish(struct meter *m, int status, uint32_t flags, uint64_t duration, bool tunnel);
/** An exchange that a rate refused has ended: what was counted as limited is not counted as served. */
void telemetry_limited(struct meter *m);
/** A try on this node failed, and another node is tried. */
void telemetry_failed_try(struct meter *m);
/** A handshake for a tunnel succeeded; the tunnel stays open. */
void telemetry_upgraded(struct meter *m, uint64_t duration);
/** Appends a Telemetry, a Limits and (where there is a cache) a Cache frame with everything since the last ones, and starts anew. */
void telemetry_encode(struct worker *w, struct frame_buffer *out);
