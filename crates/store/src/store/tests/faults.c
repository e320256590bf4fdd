/* Makes calls that change files fail now and then, as a bad or a full disk does.
 *
 * Preloaded into a process, it looks at every call that writes, syncs, makes, renames, links or deletes a file below
 * WHODID_FAULTS_BELOW. One of WHODID_FAULTS_ONE_IN of them fails with EIO or ENOSPC; a write may have written a part.
 * WHODID_FAULTS_SEED chooses which. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_ulong calls;

static unsigned long number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoul(text, 0, 10) : 0;
}

static int is_below(const char *path) {
    const char *folder = getenv("WHODID_FAULTS_BELOW");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_file_below(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

/* 0, or a random number that is not. */
static unsigned long fault(void) {
    unsigned long one_in = number("WHODID_FAULTS_ONE_IN");
    if (!one_in) return 0;
    unsigned long x = (atomic_fetch_add(&calls, 1) + 1) * 0x9e3779b97f4a7c15ul + number("WHODID_FAULTS_SEED") * 0xbf58476d1ce4e5b9ul;
    x ^= x >> 31; x *= 0x94d049bb133111ebul; x ^= x >> 29;
    return x % one_in == 0 ? (x >> 8) | 1 : 0;
}

static int fail(unsigned long random) {
    errno = random & 2 ? EIO : ENOSPC;
    return -1;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define MAYBE_FAIL(concerned) do { int saved = errno; unsigned long random = (concerned) ? fault() : 0; errno = saved; if (random) return fail(random); } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    int saved = errno;
    unsigned long random = is_file_below(fd) ? fault() : 0;
    errno = saved;
    if (!random) return real(fd, bytes, count);
    if (random & 4 && count > 1) return real(fd, bytes, count / 2);
    return fail(random);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    MAYBE_FAIL(is_file_below(fd));
    return real(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    REAL(writev);
    MAYBE_FAIL(is_file_below(fd));
    return real(fd, pieces, count);
}

int fsync(int fd) { REAL(fsync); MAYBE_FAIL(is_file_below(fd)); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); MAYBE_FAIL(is_file_below(fd)); return real(fd); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); MAYBE_FAIL(is_file_below(fd)); return real(fd, length); }
int rename(const char *from, const char *to) { REAL(rename); MAYBE_FAIL(is_below(to)); return real(from, to); }
int link(const char *from, const char *to) { REAL(link); MAYBE_FAIL(is_below(to)); return real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) { REAL(linkat); MAYBE_FAIL(is_below(to)); return real(a, from, b, to, flags); }
int unlink(const char *path) { REAL(unlink); MAYBE_FAIL(is_below(path)); return real(path); }

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    MAYBE_FAIL(flags & O_CREAT && is_below(path));
    return real(path, flags, mode);
}
