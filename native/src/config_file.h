/** @file config_file.h Files that a config names: read when it is taken, and what is wrong with one is told of the key that names it. */
#pragma once

#include "config.h"

/**
 * Reads a file whole, of at most 4 MiB.
 * @param secret others than its owner must not get at it; the caller cleanses what was read
 * @param path the key of the document, for *error
 * @return its bytes, to be freed; NULL: *error is set
 */
char *config_file_read(const char *file, bool secret, const char *path, size_t *n, struct config_error *error);
/** Sets *error. @return false */
bool config_file_fault(struct config_error *error, const char *path, const char *what, const char *file);
