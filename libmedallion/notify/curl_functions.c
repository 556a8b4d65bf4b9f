/*
 * Finding libcurl when it is needed.
 */
#include "notify/curl_functions.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

/* By the versions of its interface: that with OpenSSL, and Debian's with GnuTLS. */
static const char *const library_names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

/* Where the address of a function goes. */
typedef struct function_slot {
    const char *name;
    size_t offset;
} function_slot;

#define SLOT(member)                                                                               \
    {                                                                                              \
        "curl_" #member, offsetof(mdli_curl_functions, member)                                     \
    }

static const function_slot slots[] = {
    SLOT(easy_init),     SLOT(easy_setopt),  SLOT(easy_perform), SLOT(easy_getinfo),
    SLOT(easy_strerror), SLOT(easy_cleanup), SLOT(slist_append), SLOT(slist_free_all),
    SLOT(url),           SLOT(url_cleanup),  SLOT(url_get),      SLOT(url_set),
    SLOT(free),
};

static void *open_library(void)
{
    void *library = NULL;
    for (size_t i = 0; i < sizeof library_names / sizeof *library_names && library == NULL; i++) {
        library = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    }
    return library;
}

mdl_status mdli_curl_functions_find(mdli_curl_functions *out, mdl_error *error)
{
    void *library = open_library();
    if (library == NULL) {
        return mdl_error_set(error, MDL_E_UNSUPPORTED,
                             "notifications need libcurl, which is not installed (%s)",
                             library_names[0]);
    }
    mdl_status status = MDL_OK;
    for (size_t i = 0; i < sizeof slots / sizeof *slots && status == MDL_OK; i++) {
        void *address = dlsym(library, slots[i].name);
        /* The way from an object's pointer to a function's that POSIX promises. */
        memcpy((char *)out + slots[i].offset, &address, sizeof address);
        if (address == NULL) {
            status = mdl_error_set(error, MDL_E_UNSUPPORTED, "the installed libcurl has no %s",
                                   slots[i].name);
        }
    }
    dlclose(library);
    return status;
}
