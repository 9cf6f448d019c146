/*
 * Log-linear histogram of durations: exact below 32 µs, relative bucket width 1/32 above. The layout stands in
 * schema/frames.json; indexes travel in Telemetry frames, so both codecs compute them alike.
 */
#ifndef DHARMA_HISTOGRAM_H
#define DHARMA_HISTOGRAM_H

#include <stdint.h>

#include "frames.h"

#define HISTOGRAM_BUCKETS (FRAME_HISTOGRAM_MAX_INDEX + 1)

/* Bucket of a duration in µs. The last bucket takes everything beyond the range as well. */
uint16_t histogram_index(uint64_t microseconds);
/* Smallest duration of the bucket, µs. 0 <= index < HISTOGRAM_BUCKETS. */
uint64_t histogram_lower(uint16_t index);
/* First duration above the bucket, µs. */
uint64_t histogram_upper(uint16_t index);

#endif
