#include "histogram.h"

#define SUB FRAME_HISTOGRAM_SUB_BUCKETS

enum { SUB_LOG = 5 }; /* log2 of the sub-buckets per power of two */
_Static_assert(1 << SUB_LOG == SUB, "the schema's sub-bucket count");

uint16_t histogram_index(uint64_t microseconds)
{
    int exponent;
    uint64_t index;

    if (microseconds < SUB)
        return (uint16_t)microseconds;
    exponent = 63 - __builtin_clzll(microseconds);
    index = SUB * (uint64_t)(exponent - SUB_LOG + 1) + (microseconds >> (exponent - SUB_LOG) & (SUB - 1));
    return index > FRAME_HISTOGRAM_MAX_INDEX ? FRAME_HISTOGRAM_MAX_INDEX : (uint16_t)index;
}

uint64_t histogram_lower(uint16_t index)
{
    if (index < SUB)
        return index;
    return (uint64_t)(SUB + index % SUB) << (index / SUB - 1);
}

uint64_t histogram_upper(uint16_t index)
{
    return histogram_lower((uint16_t)(index + 1));
}
