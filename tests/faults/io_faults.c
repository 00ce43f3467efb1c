/* Stands between a process and its C library: counts the calls that change a watched folder, lets a
   chosen one of them fail or the process die at it, and notes which files are opened.

   LD_PRELOAD puts it there; the environment's IO_FAULTS_ROOT names the folder, IO_FAULTS_LOG the file
   for the names. io_faults.py builds it and speaks to it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ONCE, FROM_THEN_ON, KILL };

static long count, chosen;
static int error_number, manner, without_exchange;
static char watched[4096];

void io_faults_arm(long call, int error, int how)
{
    count = 0;
    chosen = call;
    error_number = error;
    manner = how;
}

long io_faults_count(void) { return count; }

void io_faults_without_exchange(int yes) { without_exchange = yes; }

static int is_below(const char *path)
{
    const char *root = getenv("IO_FAULTS_ROOT");
    return root && path && strncmp(path, root, strlen(root)) == 0;
}

static int is_watched(int folder, const char *path)
{
    if (path && path[0] != '/' && folder >= 0 && folder < (int)sizeof watched)
        return watched[folder];
    return is_below(path);
}

static int is_watched_file(int file)
{
    return file >= 0 && file < (int)sizeof watched && watched[file];
}

/* Whether this call fails. */
static int fails(int is_counted)
{
    if (!is_counted || !chosen)
        return 0;
    count++;
    if (count < chosen || (count > chosen && manner != FROM_THEN_ON))
        return 0;
    if (manner == KILL)
        kill(getpid(), SIGKILL);
    errno = error_number;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int noted(int file, const char *path, int is_counted)
{
    if (file >= 0 && file < (int)sizeof watched)
        watched[file] = is_counted;
    const char *log = getenv("IO_FAULTS_LOG");
    if (log && file >= 0) {
        int kept = errno;
        int to = NEXT(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        char line[4200];
        int length = snprintf(line, sizeof line, "%s\n", path);
        if (to >= 0) {
            if (NEXT(write)(to, line, length) < 0)
                abort();
            NEXT(close)(to);
        }
        errno = kept;
    }
    return file;
}

#define OPEN(name)                                                                                \
    int name(const char *path, int flags, ...)                                                    \
    {                                                                                             \
        va_list rest;                                                                             \
        va_start(rest, flags);                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                   \
        va_end(rest);                                                                             \
        int yes = is_below(path);                                                                 \
        return fails(yes) ? -1 : noted(NEXT(name)(path, flags, mode), path, yes);                 \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                              \
    int name(int folder, const char *path, int flags, ...)                                        \
    {                                                                                             \
        va_list rest;                                                                             \
        va_start(rest, flags);                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                   \
        va_end(rest);                                                                             \
        int yes = is_watched(folder, path);                                                       \
        return fails(yes) ? -1 : noted(NEXT(name)(folder, path, flags, mode), path, yes);         \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int file)
{
    if (file >= 0 && file < (int)sizeof watched)
        watched[file] = 0;
    return NEXT(close)(file);
}

#define PASS(type, name, parameters, arguments, counted)                                          \
    type name parameters { return fails(counted) ? (type)-1 : NEXT(name) arguments; }
PASS(ssize_t, write, (int f, const void *b, size_t n), (f, b, n), is_watched_file(f))
PASS(ssize_t, pwrite, (int f, const void *b, size_t n, off_t o), (f, b, n, o), is_watched_file(f))
PASS(ssize_t, pwrite64, (int f, const void *b, size_t n, off64_t o), (f, b, n, o),
     is_watched_file(f))
PASS(ssize_t, writev, (int f, const struct iovec *v, int n), (f, v, n), is_watched_file(f))
PASS(int, fsync, (int f), (f), is_watched_file(f))
PASS(int, fdatasync, (int f), (f), is_watched_file(f))
PASS(int, ftruncate, (int f, off_t n), (f, n), is_watched_file(f))
PASS(int, ftruncate64, (int f, off64_t n), (f, n), is_watched_file(f))
PASS(int, mkdir, (const char *p, mode_t m), (p, m), is_below(p))
PASS(int, mkdirat, (int d, const char *p, mode_t m), (d, p, m), is_watched(d, p))
PASS(int, chmod, (const char *p, mode_t m), (p, m), is_below(p))
PASS(int, fchmodat, (int d, const char *p, mode_t m, int g), (d, p, m, g), is_watched(d, p))
PASS(int, unlink, (const char *p), (p), is_below(p))
PASS(int, unlinkat, (int d, const char *p, int g), (d, p, g), is_watched(d, p))
PASS(int, rmdir, (const char *p), (p), is_below(p))
PASS(int, rename, (const char *p, const char *q), (p, q), is_below(p))
PASS(int, renameat, (int d, const char *p, int e, const char *q), (d, p, e, q), is_watched(d, p))

int renameat2(int d, const char *p, int e, const char *q, unsigned int flags)
{
    if (without_exchange) {
        errno = EINVAL;
        return -1;
    }
    return fails(is_watched(d, p)) ? -1 : NEXT(renameat2)(d, p, e, q, flags);
}
