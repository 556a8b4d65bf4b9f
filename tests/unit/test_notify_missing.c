/*
 * A library without libcurl says so when it is asked to post. This program brings its own
 * http_post_missing.c, so that the library's http_post.c is not taken.
 */
#include <string.h>

#include "medallion/notify.h"
#include "support/run_suite.h"

START_TEST(posting_is_refused)
{
    mdl_context *context = NULL;
    mdl_error error = MDL_ERROR_INIT;
    mdl_notify_options options;
    mdl_notify_options_init(&options);
    options.url = "https://discord.com/api/webhooks/1/secret";
    ck_assert_int_eq(mdl_context_create(NULL, &context, NULL), MDL_OK);
    ck_assert(!mdl_notify_is_available());
    ck_assert_int_eq(mdl_notify_webhook(context, "{}", 2, &options, &error), MDL_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "libcurl"));
    ck_assert_ptr_null(strstr(error.message, "secret"));
    ck_assert_int_eq(mdl_notify_check(&options, NULL), MDL_E_UNSUPPORTED);
    mdl_context_free(context);
}
END_TEST

START_TEST(settings_out_of_range_are_told)
{
    mdl_notify_options options;
    mdl_error error = MDL_ERROR_INIT;
    mdl_notify_options_init(&options);
    ck_assert_int_eq(mdl_notify_webhook(NULL, "{}", 2, &options, &error), MDL_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "URL"));
    options.url = "https://localhost/";
    options.max_retries = -1;
    ck_assert_int_eq(mdl_notify_webhook(NULL, "{}", 2, &options, NULL), MDL_E_ARGUMENT);
    options.max_retries = 0;
    options.timeout_seconds = 0;
    ck_assert_int_eq(mdl_notify_check(&options, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_notify_webhook(NULL, "{}", 2, &options, NULL), MDL_E_ARGUMENT);
    options.timeout_seconds = 1;
    options.n_slowest = 21;
    ck_assert_int_eq(mdl_notify_webhook(NULL, "{}", 2, &options, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_notify_webhook(NULL, NULL, 0, &options, NULL), MDL_E_ARGUMENT);
    ck_assert_int_eq(mdl_notify_webhook(NULL, "{}", 2, NULL, NULL), MDL_E_ARGUMENT);
}
END_TEST

static Suite *notify_missing_suite(void)
{
    Suite *suite = suite_create("notify_missing");
    TCase *test_case = tcase_create("notify_missing");
    tcase_add_test(test_case, posting_is_refused);
    tcase_add_test(test_case, settings_out_of_range_are_told);
    suite_add_tcase(suite, test_case);
    return suite;
}

int main(void)
{
    return run_suite(notify_missing_suite());
}
