/* Loaded into every process of a pretended node (LD_PRELOAD).
 *
 * POLARIS_PARSL_SANDBOX_CPUS   how many CPUs to imitate; unset: show the real ones
 * POLARIS_PARSL_SANDBOX_MASK   CPUs of this process, as 0/1 characters; sched_setaffinity sets it
 * POLARIS_PARSL_SANDBOX_NAMES  host names of all nodes, separated by blanks; all are 127.0.0.1
 *
 * The environment does not say which of the names is this node's, because launchers pass their
 * environment to processes on other nodes. The timer slack of the process says it: children
 * inherit it and no program sets it. It is SLACK_OF_LOGIN (syscalls.py) plus the node's number.
 *
 * $POLARIS_PARSL_SANDBOX/full names a directory that a fault has filled: no process can write in it. Its
 * last byte says how calls fail: f the disk is full, q the quota is used up, g the file system is gone.
 * Every process has that page mapped, so a fault reaches those that run, and files that are open.
 *
 * The pthread_* calls for affinity show the real CPUs, because libraries use them in pairs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MOST 1024
#define SLACK_OF_LOGIN 50000
#define MASK "POLARIS_PARSL_SANDBOX_MASK"

static int pretended_cpus(void)
{
    const char *text = getenv("POLARIS_PARSL_SANDBOX_CPUS");
    int count = text ? atoi(text) : 0;
    return count > 0 && count <= MOST ? count : 0;
}

/* Copies the name of this node; returns 0 if there is none. */
static int pretended_host(char *host, size_t size)
{
    const char *names = getenv("POLARIS_PARSL_SANDBOX_NAMES");
    int number = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) - SLACK_OF_LOGIN;
    size_t length;
    if (!names || number < 0)
        return 0;
    while (number-- > 0) {
        names += strcspn(names, " ");
        names += *names == ' ';
    }
    length = strcspn(names, " ");
    if (length == 0 || length >= size)
        return 0;
    memcpy(host, names, length);
    host[length] = 0;
    return 1;
}

static int is_self(pid_t pid)
{
    return pid == 0 || pid == getpid() || pid == (pid_t)syscall(SYS_gettid);
}

/* Bytes of Linux's mask for this many CPUs: whole words, as Linux counts. */
static size_t mask_bytes(int cpus)
{
    size_t bits = 8 * sizeof(unsigned long);
    return (cpus + bits - 1) / bits * sizeof(unsigned long);
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    int cpus = pretended_cpus();
    const char *mask = is_self(pid) ? getenv(MASK) : NULL;
    if (mask && (int)strlen(mask) != cpus)
        mask = NULL;
    if (!cpus) {
        long copied = syscall(SYS_sched_getaffinity, pid, size, set);
        if (copied < 0)
            return -1;
        memset((char *)set + copied, 0, size - copied);
        return 0;
    }
    if (pid < 0 || size < mask_bytes(cpus)) {
        errno = EINVAL;
        return -1;
    }
    memset(set, 0, size);
    for (int cpu = 0; cpu < cpus; cpu++)
        if (!mask || mask[cpu] == '1')
            CPU_SET_S(cpu, size, set);
    return 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
    int cpus = pretended_cpus(), chosen = 0;
    char mask[MOST + 1];
    if (!cpus)
        return (int)syscall(SYS_sched_setaffinity, pid, size, set);
    for (int cpu = 0; cpu < cpus; cpu++) {
        int wanted = (size_t)cpu < 8 * size && CPU_ISSET_S(cpu, size, set);
        mask[cpu] = wanted ? '1' : '0';
        chosen += wanted;
    }
    mask[cpus] = 0;
    if (pid < 0 || !chosen) {
        errno = EINVAL;
        return -1;
    }
    /* Another process cannot be pinned from here; on a real node it would be. */
    return is_self(pid) ? setenv(MASK, mask, 1) : 0;
}

long sysconf(int name)
{
    static long (*real)(int);
    int cpus;
    if ((name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) && (cpus = pretended_cpus()))
        return cpus;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}

int get_nprocs(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

int get_nprocs_conf(void)
{
    return (int)sysconf(_SC_NPROCESSORS_CONF);
}

int uname(struct utsname *names)
{
    int result = (int)syscall(SYS_uname, names);
    if (result == 0)
        pretended_host(names->nodename, sizeof names->nodename);
    return result;
}

int gethostname(char *name, size_t size)
{
    struct utsname names;
    size_t length;
    if (uname(&names) != 0)
        return -1;
    length = strlen(names.nodename);
    if (size <= length) {
        if (size)
            memcpy(name, names.nodename, size);
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, names.nodename, length + 1);
    return 0;
}

/* "x3001c0s1b0n0" and "x3001c0s1b0n0.some.domain" are in the list "x3001c0s1b0n0 ...". */
static int is_pretended_name(const char *name)
{
    const char *list = getenv("POLARIS_PARSL_SANDBOX_NAMES");
    size_t length = name ? strcspn(name, ".") : 0;
    while (list && length && *list) {
        size_t word = strcspn(list, " ");
        if (word == length && strncmp(list, name, length) == 0)
            return 1;
        list += word + (list[word] == ' ');
    }
    return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(is_pretended_name(node) ? "127.0.0.1" : node, service, hints, found);
}

struct hostent *gethostbyname(const char *name)
{
    static struct hostent *(*real)(const char *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "gethostbyname");
    return real(is_pretended_name(name) ? "127.0.0.1" : name);
}

#define FULL_BYTES 4096

static const char *full_page;

__attribute__((constructor)) static void map_full_page(void)
{
    const char *state = getenv("POLARIS_PARSL_SANDBOX");
    char path[PATH_MAX];
    int fd;
    void *page;
    if (!state || snprintf(path, sizeof path, "%s/full", state) >= (int)sizeof path)
        return;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    page = mmap(NULL, FULL_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        full_page = page;
    syscall(SYS_close, fd);
}

static int some_is_full(void)
{
    return full_page && *full_page;
}

static int is_gone(void)
{
    return some_is_full() && full_page[FULL_BYTES - 1] == 'g';
}

/* Whether an open file lies in the full directory. */
static int fd_is_full(int fd)
{
    char link[64], path[PATH_MAX];
    ssize_t length;
    size_t full;
    if (!some_is_full())
        return 0;
    full = strnlen(full_page, FULL_BYTES - 1);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path);
    return length >= (ssize_t)full && memcmp(path, full_page, full) == 0 &&
           (length == (ssize_t)full || path[full] == '/');
}

/* ESHUTDOWN is what a client of Lustre says that its servers have given up. */
static int no_space(void)
{
    char how = full_page[FULL_BYTES - 1];
    errno = how == 'q' ? EDQUOT : how == 'g' ? ESHUTDOWN : ENOSPC;
    return -1;
}

/* Opens a file; one that would be made in the full directory is not made. */
static int open_there(int folder, const char *path, int flags, mode_t mode)
{
    int is_new = (flags & O_CREAT) && some_is_full() && faccessat(folder, path, F_OK, 0) != 0;
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (fd >= 0 && (is_new || is_gone()) && fd_is_full(fd)) {
        if (is_new)
            syscall(SYS_unlinkat, folder, path, 0);
        syscall(SYS_close, fd);
        return no_space();
    }
    return fd;
}

#define MODE_AFTER(last)                               \
    mode_t mode = 0;                                   \
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
        va_list rest;                                  \
        va_start(rest, last);                          \
        mode = va_arg(rest, mode_t);                   \
        va_end(rest);                                  \
    }

int open(const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_there(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_there(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_there(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_AFTER(flags)
    return open_there(folder, path, flags, mode);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    int made = (int)syscall(SYS_mkdirat, folder, path, mode), fd;
    if (made != 0 || !some_is_full())
        return made;
    fd = (int)syscall(SYS_openat, folder, path, O_PATH | O_CLOEXEC, 0);
    if (fd >= 0) {
        int is_full = fd_is_full(fd);
        syscall(SYS_close, fd);
        if (is_full) {
            syscall(SYS_unlinkat, folder, path, AT_REMOVEDIR);
            return no_space();
        }
    }
    return 0;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (size && fd_is_full(fd))
        return no_space();
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "write");
    return real(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    if (fd_is_full(fd))
        return no_space();
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    return real(fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return fd_is_full(fd) ? no_space() : syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

ssize_t read(int fd, void *data, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    if (is_gone() && fd_is_full(fd))
        return no_space();
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    return real(fd, data, size);
}
