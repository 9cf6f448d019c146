/**
 * @file sigv4.h
 * AWS Signature Version 4 as stores that speak S3 check it: a request is signed so that who reads it on the way can neither ask anything else with it
 * nor the same a quarter of an hour later. Only requests that read one object are signed, without a query: a client of ours must not get to
 * list a bucket, or to write to it, in our name.
 */
#pragma once

#include <time.h>

#include "config.h"

struct sigv4_key {
    const char *region, *id;  // of the config
    char secret[128];
};

/** Room for what sigv4_sign writes beside the region and the id. */
#define SIGV4_FIELDS 512u

/** Loads what `cache.signing` names. false: *error says what is wrong. `key` is to be cleansed by sigv4_forget. */
bool sigv4_load(struct sigv4_key *key, const struct config_signing *c, struct config_error *error);
void sigv4_forget(struct sigv4_key *key);
/**
 * The path of a request's target as it is signed and sent: what need not be encoded is not, all else is, and no query.
 * @param prefix of the store, before it: encoded as well
 * @param out at least three times as long as both
 * @return its length; 0: no request to be signed, since it does not read, or reads no object
 */
size_t sigv4_path(char *out, struct span method, struct span prefix, struct span target);
/**
 * Writes the fields that sign a request, as lines.
 * @param path from sigv4_path, with all that comes before the client's own
 * @param out room for SIGV4_FIELDS and region and id twice
 * @return their length
 */
size_t sigv4_sign(const struct sigv4_key *key, time_t now, struct span method, struct span host, struct span path, char *out);
