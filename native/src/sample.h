/**
 * @file sample.h
 * Whose exchanges are recorded: a share of all clients, chosen by a keyed hash of their address, so that all that one client does
 * is recorded or none of it, nobody outside can choose to be in or out, and who is in a sample is in each larger one under the
 * same key.
 */
#pragma once

#include "base.h"

/** Everybody. */
#define SAMPLE_ALL UINT64_MAX

/** The bound of a share from 0 (nobody) to 1 (everybody). */
uint64_t sample_bound(double share);
/** @param text the key; NULL: one of the process's own */
void sample_key(uint64_t key[2], const char *text);
/** @param address 16 bytes, IPv4 as ::ffff:a.b.c.d; of IPv6 the first half counts: the rest is the client's to choose */
bool sample_takes(uint64_t bound, const uint64_t key[2], const unsigned char address[16]);
