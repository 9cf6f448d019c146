#include "cache_date.h"

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const long_days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

struct parts {
    int year, month, day, hour, minute, second;
};

static bool take(struct span *s, struct span text) {
    if (s->n < text.n || strncasecmp(s->p, text.p, text.n) != 0) return false;
    s->p += text.n;
    s->n -= text.n;
    return true;
}

/** One of a list of words; -1: none. */
static int take_word(struct span *s, const char *const *words, int count) {
    for (int i = 0; i < count; i++)
        if (take(s, span_of(words[i]))) return i;
    return -1;
}

static bool take_digits(struct span *s, unsigned count, int *out) {
    int v = 0;
    if (s->n < count) return false;
    for (unsigned i = 0; i < count; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return false;
        v = v * 10 + (s->p[i] - '0');
    }
    s->p += count;
    s->n -= count;
    *out = v;
    return true;
}

static bool take_time(struct span *s, struct parts *t) {
    return take_digits(s, 2, &t->hour) && take(s, SPAN(":")) && take_digits(s, 2, &t->minute) && take(s, SPAN(":")) && take_digits(s, 2, &t->second);
}

/** "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_imf(struct span s, struct parts *t) {
    return take_word(&s, days, 7) >= 0 && take(&s, SPAN(", ")) && take_digits(&s, 2, &t->day) && take(&s, SPAN(" ")) &&
           (t->month = take_word(&s, months, 12)) >= 0 && take(&s, SPAN(" ")) && take_digits(&s, 4, &t->year) && take(&s, SPAN(" ")) &&
           take_time(&s, t) && take(&s, SPAN(" GMT")) && !s.n;
}

/** "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool read_850(struct span s, struct parts *t) {
    return take_word(&s, long_days, 7) >= 0 && take(&s, SPAN(", ")) && take_digits(&s, 2, &t->day) && take(&s, SPAN("-")) &&
           (t->month = take_word(&s, months, 12)) >= 0 && take(&s, SPAN("-")) && take_digits(&s, 2, &t->year) && take(&s, SPAN(" ")) &&
           take_time(&s, t) && take(&s, SPAN(" GMT")) && !s.n;
}

/** "Sun Nov  6 08:49:37 1994" */
static bool read_asctime(struct span s, struct parts *t) {
    if (take_word(&s, days, 7) < 0 || !take(&s, SPAN(" ")) || (t->month = take_word(&s, months, 12)) < 0 || !take(&s, SPAN(" "))) return false;
    if (take(&s, SPAN(" ")) ? !take_digits(&s, 1, &t->day) : !take_digits(&s, 2, &t->day)) return false;
    return take(&s, SPAN(" ")) && take_time(&s, t) && take(&s, SPAN(" ")) && take_digits(&s, 4, &t->year) && !s.n;
}

static bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int64_t days_before(int64_t year) { return (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400; }

static bool seconds_of(const struct parts *t, int64_t *out) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t->year < 1 || t->hour > 23 || t->minute > 59 || t->second > 60 || t->day < 1) return false;
    if (t->day > lengths[t->month] + (t->month == 1 && is_leap(t->year))) return false;
    int64_t total = days_before(t->year) - days_before(1970) + t->day - 1;
    for (int m = 0; m < t->month; m++) total += lengths[m] + (m == 1 && is_leap(t->year));
    *out = ((total * 24 + t->hour) * 60 + t->minute) * 60 + t->second;
    return true;
}

bool cache_date_read(struct span text, int64_t now, int64_t *seconds) {
    struct parts t = {0};
    if (read_imf(text, &t) || read_asctime(text, &t)) return seconds_of(&t, seconds);
    if (!read_850(text, &t)) return false;
    // What seems to be more than 50 years ahead is the past (RFC 9110 5.6.7).
    int64_t this_year = 1970 + now / 31556952;
    int two = t.year;
    t.year = (int)(this_year - this_year % 100 + two);
    if (t.year > this_year + 50) t.year -= 100;
    return seconds_of(&t, seconds);
}
