/* Fails the k-th write, sync, cut or removal of a file whose name has the marker in it; preloaded.
 *
 * io_arm(call, k, error, sticky): call 0 any, 1 write, 2 sync, 3 truncate, 4 unlink. After it, io_seen() counts
 * the calls that were looked at. Nothing is armed at the start.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MARKER "io-fault"

static int armed_call = -1, armed_k, armed_error, armed_sticky, seen;

void io_arm(int call, int k, int error, int sticky) {
    armed_call = call, armed_k = k, armed_error = error, armed_sticky = sticky, seen = 0;
}

int io_seen(void) { return seen; }

static int is_ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, MARKER) != NULL;
}

static int fails(int call, int ours) {
    if (armed_call < 0 || !ours || (armed_call && armed_call != call)) return 0;
    seen++;
    if (seen == armed_k || (armed_sticky && seen > armed_k)) {
        errno = armed_error;
        return 1;
    }
    return 0;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *body, size_t size) {
    REAL(write);
    return fails(1, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd, body, size);
}
ssize_t pwrite(int fd, const void *body, size_t size, off_t at) {
    REAL(pwrite);
    return fails(1, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd, body, size, at);
}
ssize_t pwrite64(int fd, const void *body, size_t size, off64_t at) {
    REAL(pwrite64);
    return fails(1, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd, body, size, at);
}
int fsync(int fd) {
    REAL(fsync);
    return fails(2, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    return fails(2, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd);
}
int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    return fails(3, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    return fails(3, armed_call >= 0 && is_ours(fd)) ? -1 : real(fd, size);
}
int unlink(const char *path) {
    REAL(unlink);
    return fails(4, strstr(path, MARKER) != NULL) ? -1 : real(path);
}
