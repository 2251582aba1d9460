/* A disk that keeps only what was synced: preloaded into a process, it copies each file at fsync and fdatasync.

   CRM_DISK is the folder whose files are watched, CRM_KEPT the folder with what a power cut leaves of them. What
   was written since the last sync is not in the copy; what another process wrote until then is, as on a disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy(int from, const char *to) {
    static __thread char piece[1 << 16];
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t place = 0;
    ssize_t count;
    if (out < 0) return -1;
    while ((count = pread(from, piece, sizeof piece, place)) > 0) {
        if (write(out, piece, count) != count) count = -1;
        if (count < 0) break;
        place += count;
    }
    close(out);
    return count < 0 ? -1 : 0;
}

static void keep(int fd) {
    const char *disk = getenv("CRM_DISK"), *kept = getenv("CRM_KEPT");
    char link[64], path[4096], part[4200], to[4200];
    struct stat is;
    ssize_t length;
    if (!disk || !kept || fstat(fd, &is) || !S_ISREG(is.st_mode)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    char *name = strrchr(path, '/');
    if (!name || strncmp(path, disk, name - path) || strlen(disk) != (size_t)(name - path)) return;
    snprintf(part, sizeof part, "%s%s.%d.part", kept, name, (int)getpid());
    snprintf(to, sizeof to, "%s%s", kept, name);
    /* Read by the descriptor of the caller: closing another one would drop the locks of the process. */
    if (!copy(fd, part)) rename(part, to);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int done = real(fd);
    if (!done) keep(fd);
    return done;
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int done = real(fd);
    if (!done) keep(fd);
    return done;
}
