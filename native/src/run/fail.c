#include "fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool probing;

void fail_as_probe(void)
{
    probing = true;
}

/* Paths in a message may hold anything; JSON wants some of it escaped. */
static void print_json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

void fail(const char *step, int error)
{
    const char *reason = error != 0 ? strerror(error) : "refused";

    if (!probing) {
        fprintf(stderr, error != 0 ? "dharma-run: %s: %s\n" : "dharma-run: %s\n", step, reason);
        _exit(EXIT_LAUNCHER);
    }
    printf("{\"ok\":false,\"step\":");
    print_json_text(step);
    printf(",\"error\":");
    print_json_text(reason);
    printf("}\n");
    fflush(stdout);
    _exit(1);
}

void failf(int error, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail(text, error);
}
