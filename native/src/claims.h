/**
 * @file claims.h
 * Fields by which a proxy tells the next one for whom it speaks: who the client is, what it asked for, how. Servers believe
 * them, so a client that nobody trusts must not be able to send one.
 */
#pragma once

#include "base.h"

/**
 * Whether a field name is such a claim. '_' counts as '-': CGI, WSGI and their kin cannot tell the two apart.
 * Forwarded and the X-Forwarded-* the proxy writes itself are claims too.
 */
bool claims_name(struct span name);
