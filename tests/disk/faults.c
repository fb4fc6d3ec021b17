/* LD_PRELOAD: a disk in trouble. For files below $FAULTS_FOLDER, writes and syncs fail or take their time, and what was
 * synced is written down. Switches are files in $FAULTS_SWITCHES, looked at by each call (tests/disk/faults.py):
 *   fail          writes and syncs fail with EIO
 *   fail-syncs    syncs fail with EIO, writes do not
 *   slow          a sync takes so many milliseconds longer as the file says
 *   synced        written here: a line "SIZE PATH" for each sync that succeeded, before its caller hears of it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The next definition of a function, in the C library. */
#define NEXT(name) __extension__((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void switch_path(char *path, const char *name) {
  const char *folder = getenv("FAULTS_SWITCHES");
  snprintf(path, PATH_MAX, "%s/%s", folder ? folder : "/nonexistent", name);
}

static int is_on(const char *name) {
  char path[PATH_MAX];
  switch_path(path, name);
  return access(path, F_OK) == 0;
}

/* Whether the file is below $FAULTS_FOLDER; `path` gets its name. */
static int is_watched(int file, char *path) {
  const char *folder = getenv("FAULTS_FOLDER");
  char link[64];
  const int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = before;
  if (!folder || length <= 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int write_fails(int file) {
  char path[PATH_MAX];
  if (!is_watched(file, path) || !is_on("fail")) return 0;
  errno = EIO;
  return 1;
}

ssize_t write(int file, const void *octets, size_t count) {
  return write_fails(file) ? -1 : NEXT(write)(file, octets, count);
}

ssize_t pwrite(int file, const void *octets, size_t count, off_t at) {
  return write_fails(file) ? -1 : NEXT(pwrite)(file, octets, count, at);
}

ssize_t pwrite64(int file, const void *octets, size_t count, off64_t at) {
  return write_fails(file) ? -1 : NEXT(pwrite64)(file, octets, count, at);
}

static void take_time(void) {
  char path[PATH_MAX], text[16] = "";
  switch_path(path, "slow");
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
  close(file);
  const long milliseconds = atol(text);
  const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static void write_down(const char *path, off_t size) {
  char side[PATH_MAX], line[PATH_MAX + 32];
  switch_path(side, "synced");
  const int length = snprintf(line, sizeof line, "%lld %s\n", (long long)size, path);
  const int file = open(side, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0 || NEXT(write)(file, line, (size_t)length) != length) abort();
  close(file);
}

static int synced(int file, int (*sync)(int)) {
  char path[PATH_MAX];
  struct stat facts;
  if (!is_watched(file, path)) return sync(file);
  take_time();
  if (is_on("fail") || is_on("fail-syncs")) {
    errno = EIO;
    return -1;
  }
  /* What is written while it syncs may not be covered. */
  const int known = fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
  const int result = sync(file);
  if (result == 0 && known) write_down(path, facts.st_size);
  return result;
}

int fsync(int file) { return synced(file, NEXT(fsync)); }

int fdatasync(int file) { return synced(file, NEXT(fdatasync)); }
