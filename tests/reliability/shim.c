/* Stands between a process and its files: counts what changes files below a folder, and acts at the n-th call.
 *
 * Loaded by LD_PRELOAD; it does nothing until it is armed. It knows nothing of the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNT, KILL_BEFORE, KILL_WITHIN, KILL_AFTER, EIO_ON, ENOSPC_ON, EIO_ONCE };
enum { GO, FAIL, HALF_DIE, DIE, HALF };

static int mode, journal = -1;
static long at;
static char prefix[PATH_MAX];
static long *counted; /* shared with the process that forked this one */

__attribute__((constructor)) static void prepare(void) {
    counted = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Act from now on; calls are counted from 1. `log` is a descriptor that gets every change, or -1. */
void shim_arm(int what, long call, const char *folder, int log) {
    mode = what, at = call, journal = log, *counted = 0;
    snprintf(prefix, sizeof prefix, "%s", folder);
}

long shim_count(void) { return *counted; }

static void die(void) { kill(getpid(), SIGKILL); }

static int concerns(const char *path) {
    size_t length = strlen(prefix);
    return length && !strncmp(path, prefix, length) && (path[length] == '/' || !path[length]);
}

static int of_path(const char *path, char *full) {
    if (!*prefix) return 0;
    char here[PATH_MAX] = "";
    if (*path != '/' && !getcwd(here, sizeof here)) return 0;
    return snprintf(full, PATH_MAX, "%s%s%s", here, *path == '/' ? "" : "/", path) < PATH_MAX && concerns(full);
}

static int of_fd(int fd, char *full) {
    char link[64];
    if (!*prefix) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, full, PATH_MAX - 1);
    if (length < 0) return 0;
    full[length] = 0;
    return concerns(full);
}

/* What becomes of a call: only what takes room can run out of it. */
static int strike(int takes_room) {
    long n = ++*counted;
    int now = n == at, since = at && n >= at;
    if (now && mode == KILL_BEFORE) die();
    if (now && mode == KILL_WITHIN) return takes_room ? HALF_DIE : DIE;
    if (now && mode == KILL_AFTER) return DIE;
    if ((since && mode == EIO_ON) || (now && mode == EIO_ONCE)) return errno = EIO, FAIL;
    if (since && mode == ENOSPC_ON && takes_room) return now ? HALF : (errno = ENOSPC, FAIL);
    return GO;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, name)

/* One change in the log: kind, lengths of path and data, offset, path, data. */
static void note(char kind, const char *path, int64_t offset, const void *data, int64_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (journal < 0) return;
    int64_t head[4] = {kind, (int64_t)strlen(path), offset, size};
    if (real(journal, head, sizeof head) < 0 || real(journal, path, strlen(path)) < 0 ||
        (size && real(journal, data, (size_t)size) < 0)) die();
}

static ssize_t put(ssize_t (*real)(int, const void *, size_t, off_t), int fd, const void *data, size_t size,
                   off_t offset, const char *path) {
    int fate = strike(1);
    if (fate == FAIL) return -1;
    size_t now = fate == HALF || fate == HALF_DIE ? size / 2 : size;
    if (fate == HALF && !now) return errno = ENOSPC, -1;
    ssize_t done = real(fd, data, now, offset);
    if (done > 0) note('w', path, offset, data, done);
    if (fate == DIE || fate == HALF_DIE) die();
    return done;
}

static ssize_t put_here(int fd, const void *data, size_t size, off_t offset) {
    (void)offset;
    REAL(ssize_t, "write", int, const void *, size_t);
    return real(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char path[PATH_MAX];
    if (!of_fd(fd, path)) return real(fd, data, size);
    off_t offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    return put(put_here, fd, data, size, offset, path);
}

#define PWRITE(name) \
    ssize_t name(int fd, const void *data, size_t size, off_t offset) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        char path[PATH_MAX]; \
        return of_fd(fd, path) ? put(real, fd, data, size, offset, path) : real(fd, data, size, offset); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

/* A call that is made or not: there is no half of it. */
#define WHOLE(concerned, takes_room, kind, path, offset, data, size, ...) \
    if (!(concerned)) return real(__VA_ARGS__); \
    int fate = strike(takes_room); \
    if (fate == FAIL) return -1; \
    if (fate == HALF) return errno = ENOSPC, -1; \
    if (fate == HALF_DIE) die(); \
    int done = real(__VA_ARGS__); \
    if (done >= 0) note(kind, path, offset, data, size); \
    if (fate == DIE) die(); \
    return done;

#define SYNC(name) \
    int name(int fd) { \
        REAL(int, #name, int); \
        char path[PATH_MAX]; \
        WHOLE(of_fd(fd, path), 0, 's', path, 0, NULL, 0, fd) \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name) \
    int name(int fd, off_t size) { \
        REAL(int, #name, int, off_t); \
        char path[PATH_MAX]; \
        WHOLE(of_fd(fd, path), 1, 't', path, size, NULL, 0, fd, size) \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int unlink(const char *name) {
    REAL(int, "unlink", const char *);
    char path[PATH_MAX];
    WHOLE(of_path(name, path), 0, 'u', path, 0, NULL, 0, name)
}

#define TWO(name, kind) \
    int name(const char *from, const char *to) { \
        REAL(int, #name, const char *, const char *); \
        char path[PATH_MAX], other[PATH_MAX]; \
        WHOLE(of_path(from, path) && of_path(to, other), 1, kind, path, 0, other, (int64_t)strlen(other), from, to) \
    }
TWO(rename, 'r')
TWO(link, 'l')

int mkdir(const char *name, mode_t rights) {
    REAL(int, "mkdir", const char *, mode_t);
    char path[PATH_MAX];
    WHOLE(of_path(name, path), 1, 'm', path, 0, NULL, 0, name, rights)
}

/* Only an open that makes a file changes anything. */
#define OPEN(name) \
    int name(const char *file, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        char path[PATH_MAX]; \
        struct stat found; \
        va_list more; \
        va_start(more, flags); \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        WHOLE(flags & O_CREAT && of_path(file, path) && stat(path, &found), 1, 'c', path, 0, NULL, 0, \
              file, flags, rights) \
    }
OPEN(open)
OPEN(open64)
