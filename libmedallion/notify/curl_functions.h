/*
 * The functions of libcurl that posting needs, found when the first notification is posted.
 *
 * libcurl brings thirty more libraries with it. Linked, they would be loaded into every program that
 * uses ours, most of which never post anything.
 */
#ifndef MDLI_NOTIFY_CURL_FUNCTIONS_H
#define MDLI_NOTIFY_CURL_FUNCTIONS_H

#include <curl/curl.h>

#include "medallion/status.h"

typedef struct mdli_curl_functions {
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    void (*easy_cleanup)(CURL *curl);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *url);
    CURLUcode (*url_get)(const CURLU *url, CURLUPart part, char **out, unsigned int flags);
    CURLUcode (*url_set)(CURLU *url, CURLUPart part, const char *text, unsigned int flags);
    void (*free)(void *memory);
} mdli_curl_functions;

/* Finds them; MDL_E_UNSUPPORTED where libcurl is not installed. Once found, libcurl stays loaded:
 * it and what it uses keep state that does not survive being unloaded. */
mdl_status mdli_curl_functions_find(mdli_curl_functions *out, mdl_error *error);

#endif
