/*
 * Posting with libcurl.
 *
 * A try ends in one of three ways: done, final failure, or worth another try after a wait. Waits
 * double, a 429 asks for one of its own, and all of it together is bounded by total_seconds, so that
 * a notification never holds up its caller for longer. Nothing that libcurl or the server says about
 * the URL is passed on, since the path of a webhook's URL is a secret.
 */
#include "notify/http_post.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/context_internal.h"
#include "base/error.h"
#include "base/float_text.h"
#include "base/parallel.h"
#include "medallion/version.h"
#include "notify/curl_functions.h"

enum {
    ANSWER_BYTES_MAX = 4096, /* Discord's answer to a 429 has about 100 */
    WHERE_BYTES_MAX = 300    /* names of hosts have at most 253 */
};

typedef enum try_outcome {
    TRY_DONE = 0,
    TRY_FINAL = 1, /* failed, and would fail again */
    TRY_AGAIN = 2  /* failed, and may work later */
} try_outcome;

typedef struct post {
    mdl_context *context;
    const mdl_notify_options *options;
    mdli_curl_functions functions;
    CURL *curl;
    double begin_seconds;
    char where[WHERE_BYTES_MAX]; /* "https://discord.com/…" */
    bool is_local;               /* on this machine */
    /* Of the last try: */
    char fault[160];           /* what failed, for a message */
    double asked_wait_seconds; /* how long the server asks to wait; 0 = it does not say */
    char answer[ANSWER_BYTES_MAX + 1];
    size_t n_answer_bytes;
} post;

bool mdli_http_is_available(void)
{
    mdli_curl_functions functions;
    return mdli_curl_functions_find(&functions, NULL) == MDL_OK;
}

/* ---- The URL ---- */

static bool is_loopback(const char *host)
{
    struct in_addr address;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127);
}

/* Checks the parts of the URL, which are libcurl's: what it will use is what is looked at. */
static mdl_status check_parts(post *p, CURLU *url, mdl_error *error)
{
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    mdl_status status = MDL_OK;
    if (p->functions.url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        p->functions.url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        status = mdl_error_set(error, MDL_E_ARGUMENT, "the URL of a notification has no host");
        goto done;
    }
    (void)p->functions.url_get(url, CURLUPART_PORT, &port, 0); /* there need not be one */
    char shown_host[256];
    mdli_escape_text(host, strlen(host), shown_host, sizeof shown_host);
    snprintf(p->where, sizeof p->where, "%s://%s%s%s/…", scheme, shown_host,
             port != NULL ? ":" : "", port != NULL ? port : "");
    p->is_local = is_loopback(host);
    if (strcmp(scheme, "https") != 0 && !(strcmp(scheme, "http") == 0 && p->is_local)) {
        status = mdl_error_set(error, MDL_E_ARGUMENT,
                               "notifications go to https:// (or http:// on this machine), not to "
                               "%s",
                               p->where);
    }

done:
    p->functions.free(scheme);
    p->functions.free(host);
    p->functions.free(port);
    return status;
}

static mdl_status check_url(post *p, mdl_error *error)
{
    CURLU *url = p->functions.url();
    mdl_status status;
    if (url == NULL) {
        return mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for the URL of a notification");
    }
    if (p->functions.url_set(url, CURLUPART_URL, p->options->url, 0) != CURLUE_OK) {
        status = mdl_error_set(error, MDL_E_ARGUMENT,
                               "the URL of a notification cannot be read (it is not shown, as it "
                               "is a secret)");
    } else {
        status = check_parts(p, url, error);
    }
    p->functions.url_cleanup(url);
    return status;
}

mdl_status mdli_http_check(const mdl_notify_options *options, mdl_error *error)
{
    post p = {.options = options};
    MDLI_TRY(mdli_curl_functions_find(&p.functions, error));
    return check_url(&p, error);
}

/* ---- One try ---- */

/* Keeps the beginning of the answer. */
static size_t receive(char *bytes, size_t item_size, size_t n_items, void *user_data)
{
    post *p = user_data;
    size_t size = item_size * n_items;
    size_t room = ANSWER_BYTES_MAX - p->n_answer_bytes;
    size_t n_kept = size < room ? size : room;
    memcpy(p->answer + p->n_answer_bytes, bytes, n_kept);
    p->n_answer_bytes += n_kept;
    p->answer[p->n_answer_bytes] = '\0';
    return size;
}

/* Called about every second, and more often while bytes move; not 0 ends the transfer. */
static int check_transfer(void *user_data, curl_off_t total_down, curl_off_t down,
                          curl_off_t total_up, curl_off_t up)
{
    const post *p = user_data;
    (void)total_down;
    (void)down;
    (void)total_up;
    (void)up;
    return mdli_check_cancel(p->context, NULL) != MDL_OK;
}

static double seconds_left(const post *p)
{
    return p->begin_seconds + p->options->total_seconds - mdli_seconds_now();
}

/* The number of `"retry_after": 1.5` in the answer, or 0. */
static double asked_in_answer(const post *p)
{
    static const char key[] = "\"retry_after\"";
    double seconds = 0;
    const char *at = strstr(p->answer, key);
    if (at == NULL) {
        return 0;
    }
    at += sizeof key - 1;
    at += strspn(at, " \t\r\n");
    at += *at == ':';
    at += strspn(at, " \t\r\n");
    size_t size = strspn(at, "0123456789.eE+");
    return mdli_parse_double(at, (int64_t)size, &seconds) == MDLI_PARSE_OK ? seconds : 0;
}

static double asked_in_header(const post *p)
{
    curl_off_t seconds = 0;
    p->functions.easy_getinfo(p->curl, CURLINFO_RETRY_AFTER, &seconds);
    return (double)seconds;
}

/* What an HTTP answer means. */
static try_outcome judge_answer(post *p)
{
    long code = 0;
    p->functions.easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && code < 300) {
        return TRY_DONE;
    }
    snprintf(p->fault, sizeof p->fault, "answered HTTP %ld", code);
    if (code != 429 && code < 500) {
        return TRY_FINAL;
    }
    double in_answer = asked_in_answer(p);
    double in_header = asked_in_header(p);
    p->asked_wait_seconds = in_answer > in_header ? in_answer : in_header;
    if (p->asked_wait_seconds > 0) {
        snprintf(p->fault, sizeof p->fault, "answered HTTP %ld and asks to wait %g seconds", code,
                 p->asked_wait_seconds);
    }
    return TRY_AGAIN;
}

/* What a failure below HTTP means. Only such as pass by themselves are worth another try. */
static try_outcome judge_failure(post *p, CURLcode code)
{
    snprintf(p->fault, sizeof p->fault, "cannot be reached: %s", p->functions.easy_strerror(code));
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return TRY_AGAIN;
    default:
        return TRY_FINAL;
    }
}

static try_outcome try_once(post *p)
{
    double timeout = p->options->timeout_seconds;
    double left = seconds_left(p);
    timeout = left < timeout ? left : timeout;
    p->n_answer_bytes = 0;
    p->answer[0] = '\0';
    p->asked_wait_seconds = 0;
    p->functions.easy_setopt(p->curl, CURLOPT_TIMEOUT_MS,
                             timeout > 0.001 ? (long)(timeout * 1e3) : 1L);
    CURLcode code = p->functions.easy_perform(p->curl);
    return code == CURLE_OK ? judge_answer(p) : judge_failure(p, code);
}

/* ---- Tries and waits ---- */

static mdl_status try_until_done(post *p, mdl_error *error)
{
    double backoff = p->options->retry_seconds;
    for (int32_t n_tries = 1;; n_tries++) {
        MDLI_TRY(mdli_check_cancel(p->context, error));
        try_outcome outcome = try_once(p);
        if (outcome == TRY_DONE) {
            return MDL_OK;
        }
        MDLI_TRY(mdli_check_cancel(p->context, error));
        if (outcome == TRY_FINAL) {
            return mdl_error_set(error, MDL_E_IO, "%s %s", p->where, p->fault);
        }
        double wait = p->asked_wait_seconds > backoff ? p->asked_wait_seconds : backoff;
        if (n_tries > p->options->max_retries || wait >= seconds_left(p)) {
            return mdl_error_set(error, MDL_E_IO, "%s %s; gave up after %d %s", p->where, p->fault,
                                 (int)n_tries, n_tries == 1 ? "try" : "tries");
        }
        MDLI_TRY(mdli_pause(p->context, wait, error));
        backoff *= 2;
    }
}

/* Everything about the request that stays the same from try to try. Texts that libcurl does not
 * copy outlive it. */
static void set_request(post *p, const char *json, int64_t size_bytes, struct curl_slist *headers)
{
    p->functions.easy_setopt(p->curl, CURLOPT_URL, p->options->url); /* libcurl copies it */
    if (p->is_local) {
        p->functions.easy_setopt(p->curl, CURLOPT_PROXY, "");
    }
    p->functions.easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    p->functions.easy_setopt(p->curl, CURLOPT_FOLLOWLOCATION, 0L);
    p->functions.easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
    p->functions.easy_setopt(p->curl, CURLOPT_USERAGENT, "libmedallion/" MDL_VERSION_STRING);
    p->functions.easy_setopt(p->curl, CURLOPT_HTTPHEADER, headers);
    p->functions.easy_setopt(p->curl, CURLOPT_POSTFIELDS, json);
    p->functions.easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size_bytes);
    p->functions.easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, receive);
    p->functions.easy_setopt(p->curl, CURLOPT_WRITEDATA, p);
    p->functions.easy_setopt(p->curl, CURLOPT_XFERINFOFUNCTION, check_transfer);
    p->functions.easy_setopt(p->curl, CURLOPT_XFERINFODATA, p);
    p->functions.easy_setopt(p->curl, CURLOPT_NOPROGRESS, 0L);
}

mdl_status mdli_http_post(mdl_context *context, const char *json, int64_t size_bytes,
                          const mdl_notify_options *options, mdl_error *error)
{
    post p = {.context = context, .options = options, .begin_seconds = mdli_seconds_now()};
    MDLI_TRY(mdli_curl_functions_find(&p.functions, error));
    const mdli_curl_functions *functions = &p.functions;
    p.curl = functions->easy_init();
    /* "Expect:" switches off a round trip before long bodies. */
    struct curl_slist *headers = functions->slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *longer =
        headers != NULL ? functions->slist_append(headers, "Expect:") : NULL;
    mdl_status status;
    if (p.curl == NULL || longer == NULL) {
        status = mdl_error_set(error, MDL_E_NO_MEMORY, "no memory for a notification");
        goto done;
    }
    MDLI_TRY_GOTO_DONE(check_url(&p, error));
    set_request(&p, json, size_bytes, headers);
    MDLI_TRY_GOTO_DONE(try_until_done(&p, error));

done:
    functions->slist_free_all(headers);
    functions->easy_cleanup(p.curl);
    return status;
}
