/**
 * @file test.h
 * A unit test is a program: it includes the module it tests, so that static functions can be called, and ends with
 * TEST_MAIN. The sanitizers watch; a CHECK that does not hold ends it with the line.
 */
#pragma once

#include "base.h"

#define CHECK(c)                                                               \
    do {                                                                       \
        if (!(c)) {                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #c); \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

/** Runs the listed functions and says how many there were. */
#define TEST_MAIN(...)                                                         \
    int main(void) {                                                           \
        void (*const tests[])(void) = {__VA_ARGS__};                           \
        for (size_t i = 0; i < COUNT_OF(tests); i++) tests[i]();               \
        printf("%s: %zu passed, 0 failed\n", __FILE__, COUNT_OF(tests));               \
        return 0;                                                              \
    }

/** Deterministic random numbers (xorshift64). */
static inline uint64_t test_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
