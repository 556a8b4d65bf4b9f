/*
 * Posting in a build without libcurl.
 */
#include "notify/http_post.h"

bool mdli_http_is_available(void)
{
    return false;
}

mdl_status mdli_http_check(const mdl_notify_options *options, mdl_error *error)
{
    (void)options;
    return mdl_error_set(error, MDL_E_UNSUPPORTED,
                         "notifications need libcurl, and this libmedallion was built without it "
                         "(meson option notify)");
}

mdl_status mdli_http_post(mdl_context *context, const char *json, int64_t size_bytes,
                          const mdl_notify_options *options, mdl_error *error)
{
    (void)context;
    (void)json;
    (void)size_bytes;
    return mdli_http_check(options, error);
}
