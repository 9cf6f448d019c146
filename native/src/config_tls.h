/** @file config_tls.h The config's keys `tls`, `upstreamTls` and `acme`, and what they ask of listens and nodes. */
#pragma once

#include "config_read.h"

/** Used by config.c. */
bool config_read_tls(struct reader *r, const struct json *root);
/** Keys `tls`, `http2` and `redirectPort` of a listen. */
bool config_read_listen_tls(struct reader *r, const struct json *item, const char *path, struct config_listen *l);
