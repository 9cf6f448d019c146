#include "sigv4.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "config_file.h"
#include "rewrite.h"

/** SHA-256 of nothing: reading has no body. */
#define NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SIGNED_FIELDS "host;x-amz-content-sha256;x-amz-date"

bool sigv4_load(struct sigv4_key *key, const struct config_signing *c, struct config_error *error) {
    size_t n, end;
    *key = (struct sigv4_key){.region = c->region, .id = c->access_key_id};
    char *text = config_file_read(c->secret_file, true, "cache.signing.secretFile", &n, error);
    if (!text) return false;
    for (end = n; end && isspace((unsigned char)text[end - 1]);) end--;
    bool ok = end && end < sizeof key->secret && !memchr(text, '\n', end);
    if (ok) memcpy(key->secret, text, end);
    OPENSSL_cleanse(text, n);
    free(text);
    return ok || config_file_fault(error, "cache.signing.secretFile", "expected one line of at most 127 characters: the secret access key", c->secret_file);
}

void sigv4_forget(struct sigv4_key *key) { OPENSSL_cleanse(key, sizeof *key); }

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    char low = (char)(c | 32);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static char *encode(char *p, struct span path) {
    for (size_t i = 0; i < path.n && path.p[i] != '?'; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c == '%' && path.n - i > 2 && hex_value(path.p[i + 1]) >= 0 && hex_value(path.p[i + 2]) >= 0) {
            // Also a '/': it is one of the key all the same, S3 knows no folders.
            c = (unsigned char)(hex_value(path.p[i + 1]) << 4 | hex_value(path.p[i + 2]));
            i += 2;
        }
        if (isalnum(c) || memchr("-._~/", c, 5)) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '%';
        *p++ = "0123456789ABCDEF"[c >> 4];
        *p++ = "0123456789ABCDEF"[c & 15];
    }
    return p;
}

/** Whether a segment is "." or "..": where these are resolved before the bucket is told from the key, it is another bucket that is read. */
static bool has_dots(struct span path) {
    for (size_t i = 0, start = 1; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/') continue;
        size_t n = i - start;
        if (i && ((n == 1 && path.p[start] == '.') || (n == 2 && path.p[start] == '.' && path.p[start + 1] == '.'))) return true;
        start = i + 1;
    }
    return false;
}

size_t sigv4_path(char *out, struct span method, struct span prefix, struct span target) {
    char *key = encode(out, prefix), *end = encode(key, target);
    bool reads = span_eq(method, SPAN("GET")) || span_eq(method, SPAN("HEAD"));
    // Without a key it is the bucket that is asked for: a list.
    if (!reads || end - key < 2 || *key != '/' || has_dots((struct span){key, (size_t)(end - key)})) return 0;
    return (size_t)(end - out);
}

#define DIGEST 32u

static void hmac(const unsigned char *key, size_t n, struct span data, unsigned char out[DIGEST]) {
    unsigned length = DIGEST;
    BUG_ON(!HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)data.p, data.n, out, &length) || length != DIGEST);
}

static void hex(char out[2 * DIGEST], const unsigned char digest[DIGEST]) {
    for (unsigned i = 0; i < DIGEST; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
}

/** The key of a day, a region and a service. */
static void derive(const struct sigv4_key *key, struct span day, unsigned char out[DIGEST]) {
    char first[4 + sizeof key->secret];
    int n = snprintf(first, sizeof first, "AWS4%s", key->secret);
    hmac((const unsigned char *)first, (size_t)n, day, out);
    hmac(out, DIGEST, span_of(key->region), out);
    hmac(out, DIGEST, SPAN("s3"), out);
    hmac(out, DIGEST, SPAN("aws4_request"), out);
    OPENSSL_cleanse(first, sizeof first);
}

/** The request as it is signed, hashed. */
static void hash_request(struct span method, struct span host, struct span path, const char *when, char out[2 * DIGEST]) {
    unsigned char digest[DIGEST];
    size_t room = method.n + host.n + path.n + 320;
    char *text = base_alloc(room);
    int n = snprintf(text, room, "%.*s\n%.*s\n\nhost:%.*s\nx-amz-content-sha256:" NO_BODY "\nx-amz-date:%s\n\n" SIGNED_FIELDS "\n" NO_BODY, (int)method.n, method.p, (int)path.n,
                     path.p, (int)host.n, host.p, when);
    BUG_ON(n < 0 || (size_t)n >= room || EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1);
    free(text);
    hex(out, digest);
}

size_t sigv4_sign(const struct sigv4_key *key, time_t now, struct span method, struct span host, struct span path, char *out) {
    unsigned char digest[DIGEST];
    char when[17], request[2 * DIGEST], signature[2 * DIGEST];
    struct tm tm;
    size_t names = strlen(key->region) + strlen(key->id);
    gmtime_r(&now, &tm);
    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
    hash_request(method, host, path, when, request);
    // Built where the fields go afterwards: it is shorter than they are.
    int n = snprintf(out, SIGV4_FIELDS + names, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/s3/aws4_request\n%.64s", when, when, key->region, request);
    derive(key, (struct span){when, 8}, digest);
    hmac(digest, sizeof digest, (struct span){out, (size_t)n}, digest);
    hex(signature, digest);
    OPENSSL_cleanse(digest, sizeof digest);
    n = snprintf(out, SIGV4_FIELDS + names, "x-amz-content-sha256: " NO_BODY "\r\nx-amz-date: %s\r\nAuthorization: AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/s3/aws4_request, SignedHeaders=" SIGNED_FIELDS ", Signature=%.64s\r\n",
                 when, key->id, when, key->region, signature);
    BUG_ON(n < 0 || (size_t)n >= SIGV4_FIELDS + names);
    return (size_t)n;
}
