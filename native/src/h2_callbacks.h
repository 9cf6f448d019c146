/** @file h2_callbacks.h What nghttp2 tells of a connection's frames, and where it gets bodies from. */
#pragma once

#include "h2.h"

/** One set for the process. */
nghttp2_session_callbacks *h2_callbacks(void);
/** The data provider of every answer. */
ssize_t h2_read_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t length, uint32_t *flags, nghttp2_data_source *source, void *user);
