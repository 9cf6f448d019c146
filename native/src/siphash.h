/** @file siphash.h SipHash-2-4 (Aumasson and Bernstein, 2012): for tables whose keys come from clients. */
#pragma once

#include "base.h"

/** The same on every machine. */
uint64_t siphash(const uint64_t key[2], const void *bytes, size_t n);
/** Eight bytes, the least significant first. */
uint64_t siphash_word(const unsigned char *p);
