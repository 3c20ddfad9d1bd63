/* SPDX-License-Identifier: MIT */
/* Downloads through libcurl, which the first download loads: http, https and file. Redirects may lead to http and https
 * only, so that a mirror cannot make this machine read its own files. */
#include "data/download.h"

#ifdef FOVEA_HAVE_CURL

#include "base/library.h"
#include <curl/curl.h>
#include <string.h>

struct curl {
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    void (*cleanup)(CURL *);
    const char *(*strerror)(CURLcode);
};

static const struct library_function curl_functions[] = {
    LIBRARY_FUNCTION(struct curl, init, curl_easy_init),
    LIBRARY_FUNCTION(struct curl, setopt, curl_easy_setopt),
    LIBRARY_FUNCTION(struct curl, perform, curl_easy_perform),
    LIBRARY_FUNCTION(struct curl, cleanup, curl_easy_cleanup),
    LIBRARY_FUNCTION(struct curl, strerror, curl_easy_strerror),
    {NULL, 0},
};

static size_t download_take(char *bytes, size_t one, size_t count, void *user)
{
    struct download *download = user;
    (void)one; // always 1
    if (count > DOWNLOAD_MAX - download->size) {
        download->full = true;
        return 0;
    }
    size_t need = download->size + count;
    if (need > download->capacity) {
        size_t capacity = need < 1 << 16 ? 1 << 16 : 2 * need;
        uint8_t *larger = memory_resize(download->memory, download->bytes, capacity, 1, "a download", NULL);
        if (larger == NULL) {
            download->full = true;
            return 0;
        }
        download->bytes = larger;
        download->capacity = capacity;
    }
    memcpy(download->bytes + download->size, bytes, count);
    download->size = need;
    return count;
}

static int download_tell(void *user, curl_off_t total, curl_off_t done, curl_off_t sent_total, curl_off_t sent)
{
    struct download *download = user;
    (void)sent_total;
    (void)sent;
    if (download->progress && download->progress(download->user, (uint64_t)done, (uint64_t)total)) {
        download->stopped = true;
        return 1;
    }
    return 0;
}

/* Sets all options; returns the code of the first one that libcurl refuses. */
static CURLcode download_set(const struct curl *curl, CURL *transfer, struct download *download, const char *url,
                             char *message)
{
    CURLcode code = curl->setopt(transfer, CURLOPT_URL, url);
    code = code ? code : curl->setopt(transfer, CURLOPT_ERRORBUFFER, message);
    code = code ? code : curl->setopt(transfer, CURLOPT_WRITEFUNCTION, download_take);
    code = code ? code : curl->setopt(transfer, CURLOPT_WRITEDATA, download);
    code = code ? code : curl->setopt(transfer, CURLOPT_XFERINFOFUNCTION, download_tell);
    code = code ? code : curl->setopt(transfer, CURLOPT_XFERINFODATA, download);
    code = code ? code : curl->setopt(transfer, CURLOPT_NOPROGRESS, 0L);
    code = code ? code : curl->setopt(transfer, CURLOPT_FAILONERROR, 1L);
    code = code ? code : curl->setopt(transfer, CURLOPT_NOSIGNAL, 1L);
    code = code ? code : curl->setopt(transfer, CURLOPT_FOLLOWLOCATION, 1L);
    code = code ? code : curl->setopt(transfer, CURLOPT_MAXREDIRS, 5L);
    code = code ? code : curl->setopt(transfer, CURLOPT_PROTOCOLS_STR, "http,https,file");
    code = code ? code : curl->setopt(transfer, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    code = code ? code : curl->setopt(transfer, CURLOPT_CONNECTTIMEOUT, (long)DOWNLOAD_CONNECT);
    code = code ? code : curl->setopt(transfer, CURLOPT_LOW_SPEED_LIMIT, 1000L);
    code = code ? code : curl->setopt(transfer, CURLOPT_LOW_SPEED_TIME, (long)DOWNLOAD_STALL);
    code = code ? code : curl->setopt(transfer, CURLOPT_TIMEOUT, (long)DOWNLOAD_WHOLE);
    code = code ? code : curl->setopt(transfer, CURLOPT_MAXFILESIZE, (long)DOWNLOAD_MAX);
    return code ? code : curl->setopt(transfer, CURLOPT_USERAGENT, "fovea/" FOVEA_VERSION);
}

int download_fetch(struct download *download, const char *url, struct error *error)
{
    char message[CURL_ERROR_SIZE] = "";
    struct curl curl;
    if (library_open(FOVEA_CURL_FILE, "libcurl", curl_functions, &curl, error) != FOV_OK) {
        error_prefix(error, "cannot fetch %s", url);
        return (int)error->status;
    }
    CURL *transfer = curl.init();
    if (transfer == NULL) {
        return (int)error_set(error, FOV_E_MEMORY, "no memory left to download %s", url);
    }
    CURLcode code = download_set(&curl, transfer, download, url, message);
    code = code ? code : curl.perform(transfer);
    curl.cleanup(transfer);
    if (code == CURLE_OK) {
        return FOV_OK;
    }
    memory_free(download->memory, download->bytes);
    download->bytes = NULL;
    download->size = download->capacity = 0;
    if (download->stopped) {
        return (int)error_set(error, FOV_E_INTERRUPTED, "stopped while fetching %s", url);
    }
    if (download->full) {
        return (int)error_set(error, FOV_E_IO, "%s: larger than %d bytes, or than the memory left", url, DOWNLOAD_MAX);
    }
    return (int)error_set(error, FOV_E_IO, "%s: %s", url, *message ? message : curl.strerror(code));
}

#else

int download_fetch(struct download *download, const char *url, struct error *error)
{
    (void)download;
    return (int)error_set(error, FOV_E_UNSUPPORTED,
                          "cannot fetch %s: this fovea was built without libcurl (FOVEA_WITH_CURL)", url);
}

#endif
