/*
 * Posting JSON, with retries. One of http_post.c (libcurl) and http_post_missing.c is built.
 */
#ifndef MDLI_NOTIFY_HTTP_POST_H
#define MDLI_NOTIFY_HTTP_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "medallion/notify.h"

/* Whether this build can post. */
bool mdli_http_is_available(void);

/* Whether the URL is one that can be posted to. */
mdl_status mdli_http_check(const mdl_notify_options *options, mdl_error *error);

/* Posts `json` as ::mdl_notify_discord says. No message holds more of the URL than its scheme and
 * host. */
mdl_status mdli_http_post(mdl_context *context, const char *json, int64_t size_bytes,
                          const mdl_notify_options *options, mdl_error *error);

#endif
