"""Libraries that a program loads before its own: another clock, more cores."""

from pathlib import Path

import builder

_CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static const long AHEAD = 1000L * 86400;

int clock_gettime(clockid_t clock, struct timespec *now) {
  int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += AHEAD;
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (result)
    *result = exact.tv_sec;
  return exact.tv_sec;
}
"""


_CORES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

enum { CORES = 256 };

int sched_getaffinity(pid_t process, size_t size, cpu_set_t *cores) {
  (void)process;
  memset(cores, 0, size);
  for (size_t core = 0; core < CORES && core < 8 * size; core++)
    CPU_SET_S(core, size, cores);
  return 0;
}

long sysconf(int name) {
  long (*real)(int) = dlsym(RTLD_NEXT, "sysconf");
  return name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF ? CORES : real(name);
}
"""


def clock_of_tomorrow(folder: Path) -> dict[str, str]:
    """Environment variables under which a program reads a clock that is 1000 days ahead."""
    return _preload(folder / "clock.c", _CLOCK)


def many_cores(folder: Path) -> dict[str, str]:
    """Environment variables under which a program counts 256 cores, as a login node has."""
    return _preload(folder / "cores.c", _CORES)


def _preload(source: Path, text: str) -> dict[str, str]:
    source.write_text(text)
    library = source.with_suffix(".so")
    options = ["-shared", "-fPIC", "-o", library, source, "-ldl"]
    compiled = builder.run("cc", *options, env={"PATH": "/usr/bin:/bin"})
    assert compiled.returncode == 0, compiled.stderr
    return {"LD_PRELOAD": str(library)}
