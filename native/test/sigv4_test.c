#include "test.h"

#include "../src/sigv4.c"

#include <sys/stat.h>
#include <unistd.h>

/** The key and the moment of AWS's published examples. */
#define ID "AKIAIOSFODNN7EXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define MOMENT 1369353600
#define HOST SPAN("examplebucket.s3.amazonaws.com")

static const char *path_of_request(const char *method, const char *prefix, const char *target) {
    static char out[512];
    size_t n = sigv4_path(out, span_of(method), span_of(prefix), span_of(target));
    CHECK(n <= 3 * (strlen(prefix) + strlen(target)));
    out[n] = '\0';
    return out;
}

/** Signatures made by an implementation of its own that meets the two published examples. */
static void signs_as_others_do(void) {
    struct sigv4_key key = {.region = "us-east-1", .id = ID, .secret = SECRET};
    char out[SIGV4_FIELDS + 64];
    size_t n = sigv4_sign(&key, MOMENT, SPAN("GET"), HOST, SPAN("/test.txt"), out);
    CHECK(span_eq((struct span){out, n}, SPAN("x-amz-content-sha256: " NO_BODY "\r\nx-amz-date: 20130524T000000Z\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=" ID "/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        "Signature=df548e2ce037944d03f3e68682813b093763996d597cf890ca3d9037fd231eb4\r\n")));
    n = sigv4_sign(&key, MOMENT, SPAN("HEAD"), HOST, SPAN("/a%20b/%C3%A9~-._/x%2B"), out);
    CHECK(memmem(out, n, SPAN("b5f2e1ca15c3e0ed09a8dba8ecad248b6f205df78481bf9101c839b5a34e8c92").p, 64));
}

static void encodes_paths_in_one_way(void) {
    CHECK(strcmp(path_of_request("GET", "", "/a%20b/%c3%a9~-._/x+"), "/a%20b/%C3%A9~-._/x%2B") == 0);
    CHECK(strcmp(path_of_request("GET", "", "/%61%2fb?v=1&list-type=2"), "/a/b") == 0);
    CHECK(strcmp(path_of_request("GET", "", "/a%3Flist-type=2"), "/a%3Flist-type%3D2") == 0);
    CHECK(strcmp(path_of_request("HEAD", "/bucket/x y", "/50%"), "/bucket/x%20y/50%25") == 0);
    CHECK(strcmp(path_of_request("GET", "", "/%zz%2"), "/%25zz%252") == 0);
}

static void only_objects_are_read_with_our_name(void) {
    static const char *const targets[] = {"/", "/?list-type=2", "/?uploads", "*", "", "/.", "/..", "/../other/x", "/a/../../other", "/%2e%2e/other", "/a/%2E", "/..?x"};
    for (size_t i = 0; i < COUNT_OF(targets); i++) CHECK(*path_of_request("GET", "/bucket", targets[i]) == '\0');
    static const char *const methods[] = {"PUT", "POST", "DELETE", "OPTIONS", "get"};
    for (size_t i = 0; i < COUNT_OF(methods); i++) CHECK(*path_of_request(methods[i], "", "/a") == '\0');
    CHECK(*path_of_request("GET", "", "/...") && *path_of_request("GET", "", "/a.") && *path_of_request("GET", "", "/.a"));
}

/** Whatever a client asks: what is signed is a path of one reading, below the prefix. */
static void holds_for_any_target(void) {
    static const char alphabet[] = "/.%2eEfF?aZ~+ &\x80\xff";
    uint64_t seed = 7;
    unsigned signed_ones = 0;
    for (int round = 0; round < 100000; round++) {
        char target[24] = "/", again[512];
        size_t n = 1 + test_random(&seed) % 20;
        for (size_t i = 1; i < n; i++) target[i] = alphabet[test_random(&seed) % (sizeof alphabet - 1)];
        target[n] = '\0';
        const char *path = path_of_request("GET", "/b", target);
        if (!*path) continue;
        signed_ones++;
        CHECK(strncmp(path, "/b/", 3) == 0 && path[3] && !strchr(path, '?') && !strstr(path, "/../") && !strstr(path, "/./"));
        size_t length = strlen(path), twice = sigv4_path(again, SPAN("GET"), SPAN(""), (struct span){path, length});
        CHECK(twice == length && memcmp(again, path, length) == 0);
    }
    CHECK(signed_ones > 10000);
}

static void a_secret_is_one_line_of_a_private_file(void) {
    char file[] = "/tmp/dharma-sigv4-XXXXXX";
    int fd = mkstemp(file);
    struct config_signing c = {"r", ID, file};
    struct config_error error;
    struct sigv4_key key;
    CHECK(fd >= 0 && !sigv4_load(&key, &c, &error) && strcmp(error.path, "cache.signing.secretFile") == 0);
    CHECK(dprintf(fd, SECRET "\n") > 0);
    CHECK(sigv4_load(&key, &c, &error) && strcmp(key.secret, SECRET) == 0);
    CHECK(fchmod(fd, 0644) == 0 && !sigv4_load(&key, &c, &error) && strstr(error.message, "chmod 600"));
    CHECK(fchmod(fd, 0600) == 0 && dprintf(fd, "another") > 0 && !sigv4_load(&key, &c, &error));
    CHECK(!strstr(error.message, "wJal"));
    sigv4_forget(&key);
    for (size_t i = 0; i < sizeof key.secret; i++) CHECK(!key.secret[i]);
    close(fd);
    unlink(file);
    CHECK(!sigv4_load(&key, &c, &error));
}

TEST_MAIN(signs_as_others_do, encodes_paths_in_one_way, only_objects_are_read_with_our_name, holds_for_any_target, a_secret_is_one_line_of_a_private_file)
