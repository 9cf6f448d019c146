/** @file siphash.h SipHash-2-4 (Aumasson and Bernstein, 2012): for tables whose keys come from clients. */
#pragma once

#include "base.h"

/** The same on every machine. */
uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n);
/** The same of bytes that come in pieces. */
struct siphash {
    uint64_t v[4];
    unsigned char word[8];  // n % 8 bytes that are no whole word yet
    uint64_t n;
};
void siphash_begin(struct siphash *h, const uint64_t key[2]);
void siphash_add(struct siphash *h, const void *bytes, size_t n);
/** Of what was added; more may be added afterwards. */
uint64_t siphash_end(const struct siphash *h);
/** Eight bytes, the least significant first. */
uint64_t siphash_word(const unsigned char *p);
