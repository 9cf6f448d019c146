#include "sample.h"

#include <math.h>
#include <pthread.h>
#include <sys/random.h>

#include "siphash.h"

static uint64_t own_key[2];

static void make_own_key(void) { BUG_ON(getrandom(own_key, sizeof own_key, 0) != sizeof own_key); }

uint64_t sample_bound(double share) { return share >= 1 ? SAMPLE_ALL : share <= 0 ? 0 : (uint64_t)ldexp(share, 64); }

void sample_key(uint64_t key[2], const char *text) {
    static const uint64_t first[2] = {1, 0}, second[2] = {2, 0};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_own_key);
    key[0] = text ? siphash(first, text, strlen(text)) : own_key[0];
    key[1] = text ? siphash(second, text, strlen(text)) : own_key[1];
}

bool sample_takes(uint64_t bound, const uint64_t key[2], const unsigned char address[16]) {
    static const unsigned char v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return bound == SAMPLE_ALL || siphash(key, address, memcmp(address, v4, sizeof v4) == 0 ? 16 : 8) < bound;
}
