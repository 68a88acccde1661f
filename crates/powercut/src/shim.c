/* A disk that forgets what was not synced. Preloaded into the program under test; the model stands in
   lib.rs. A sync copies to the durable side and does not bother the real disk. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t syncing = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], durable[PATH_MAX];
static long kill_at, syncs;
static int kill_phase;
static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);

static void number(const char *name, long *into) {
    const char *text = getenv(name);
    if (text) *into = atol(text);
}

static void start(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    const char *live = getenv("SYNCSHIM_ROOT"), *shadow = getenv("SYNCSHIM_DURABLE");
    if (!live || !shadow || !realpath(live, root) || !realpath(shadow, durable)) {
        fprintf(stderr, "syncshim: SYNCSHIM_ROOT and SYNCSHIM_DURABLE must name folders\n");
        _exit(70);
    }
    long phase = 0;
    number("SYNCSHIM_KILL_AT", &kill_at);
    number("SYNCSHIM_KILL_PHASE", &phase);
    kill_phase = (int)phase;
}

static void fail(const char *what, const char *path) {
    fprintf(stderr, "syncshim: %s %s: %s\n", what, path, strerror(errno));
    _exit(70);
}

static int below_root(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    size_t prefix = strlen(root);
    return strncmp(path, root, prefix) == 0 && (path[prefix] == '/' || path[prefix] == 0);
}

static void name_of(char *path, char kind, ino_t inode) {
    if (snprintf(path, PATH_MAX, "%s/%c%lu", durable, kind, (unsigned long)inode) >= PATH_MAX) fail("name", durable);
}

static void die_in(int phase) {
    if (kill_at && syncs == kill_at && phase == kill_phase) {
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* The content of a file as it is now becomes durable; killed in the middle, the first half did. */
static void sync_file(int fd, const struct stat *file) {
    char link[64], path[PATH_MAX], block[BLOCK];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    name_of(path, 'f', file->st_ino);
    int from = real_open(link, O_RDONLY | O_CLOEXEC);
    int into = real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (from < 0 || into < 0) fail("copy", path);
    off_t at = 0;
    for (;;) {
        ssize_t length = pread(from, block, BLOCK, at);
        if (length < 0 || (length > 0 && pwrite(into, block, length, at) != length)) fail("copy", path);
        if (length == 0) break;
        at += length;
        if (at >= file->st_size / 2) die_in(1);
    }
    if (ftruncate(into, at) != 0) fail("cut", path);
    close(from);
    close(into);
}

static void make(const char *path) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) fail("mkdir", path);
}

static void sync_entry(int live, const char *shadow, const char *name) {
    struct stat entry;
    char inode[PATH_MAX], path[PATH_MAX], fresh[PATH_MAX];
    /* Gone again meanwhile. */
    if (fstatat(live, name, &entry, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (snprintf(path, PATH_MAX, "%s/%s", shadow, name) >= PATH_MAX) fail("name", name);
    if (snprintf(fresh, PATH_MAX, "%s/.fresh", durable) >= PATH_MAX) fail("name", name);
    unlink(fresh);
    if (S_ISREG(entry.st_mode)) {
        name_of(inode, 'f', entry.st_ino);
        int made = real_open(inode, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (made < 0) fail("make", inode);
        close(made);
        if (link(inode, fresh) != 0) fail("link", inode);
    } else if (S_ISDIR(entry.st_mode)) {
        name_of(inode, 'd', entry.st_ino);
        make(inode);
        if (symlink(inode, fresh) != 0) fail("link", inode);
    } else {
        return;
    }
    /* Two names of one file: rename does nothing, and the name is right already. */
    if (rename(fresh, path) != 0) fail("rename", path);
    unlink(fresh);
}

/* The names in a folder as they are now become durable, and those that are gone, gone. */
static void sync_folder(int fd, const struct stat *folder) {
    char shadow[PATH_MAX];
    name_of(shadow, 'd', folder->st_ino);
    make(shadow);
    int copy = real_openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = copy < 0 ? NULL : fdopendir(copy);
    if (!names) fail("read", shadow);
    for (struct dirent *it; (it = readdir(names));) {
        if (strcmp(it->d_name, ".") == 0 || strcmp(it->d_name, "..") == 0) continue;
        sync_entry(fd, shadow, it->d_name);
        die_in(1);
    }
    closedir(names);
    names = opendir(shadow);
    if (!names) fail("read", shadow);
    for (struct dirent *it; (it = readdir(names));) {
        struct stat entry;
        if (strcmp(it->d_name, ".") == 0 || strcmp(it->d_name, "..") == 0) continue;
        if (fstatat(fd, it->d_name, &entry, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            unlinkat(dirfd(names), it->d_name, 0);
    }
    closedir(names);
}

static int sync_now(int fd) {
    struct stat what;
    pthread_once(&once, start);
    if (fstat(fd, &what) != 0) return -1;
    if (!below_root(fd) || what.st_nlink == 0) return 0;
    pthread_mutex_lock(&syncing);
    syncs++;
    die_in(0);
    if (S_ISREG(what.st_mode)) sync_file(fd, &what);
    if (S_ISDIR(what.st_mode)) sync_folder(fd, &what);
    die_in(1);
    die_in(2);
    pthread_mutex_unlock(&syncing);
    return 0;
}

int fsync(int fd) { return sync_now(fd); }

int fdatasync(int fd) { return sync_now(fd); }

/* A new file may carry the number of one that is gone: what was durable of that one is not its content. */
static int opened(int folder, const char *path, int flags, mode_t mode) {
    struct stat before, after;
    pthread_once(&once, start);
    int is_new = (flags & O_CREAT) && fstatat(folder, path, &before, 0) != 0;
    int fd = real_openat(folder, path, flags, mode);
    if (fd >= 0 && is_new && fstat(fd, &after) == 0 && S_ISREG(after.st_mode) && below_root(fd)) {
        char inode[PATH_MAX];
        name_of(inode, 'f', after.st_ino);
        unlink(inode);
    }
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                  \
    int name(const char *path, int flags, ...) {    \
        va_list rest;                               \
        va_start(rest, flags);                      \
        mode_t mode = mode_of(flags, rest);         \
        va_end(rest);                               \
        return opened(AT_FDCWD, path, flags, mode); \
    }
#define OPENAT(name)                                         \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest;                                        \
        va_start(rest, flags);                               \
        mode_t mode = mode_of(flags, rest);                  \
        va_end(rest);                                        \
        return opened(folder, path, flags, mode);            \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
