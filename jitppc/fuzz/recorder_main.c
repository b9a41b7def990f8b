
/* --- the recorder: runs the cases of a file in place, once ------------------------------------ */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

struct file_header {
    uint64_t done, count;
    char magic[16];
    char about[RECORDER_SAYS - 32]; /* JSON of who made the file */
    char says[HEADER_BYTES - RECORDER_SAYS]; /* lines of who ran it */
};

static int fails(const char *what)
{
    perror(what);
    return 1;
}

/* The processor and the kernel, one "name: value" a line. */
static void introduce(struct file_header *header)
{
    char line[256];
    struct utsname name;
    size_t used = 0, room = sizeof header->says - 1;
    memset(header->says, 0, sizeof header->says);
    if (!uname(&name))
        used += snprintf(header->says, room, "kernel: %s %s %s\n", name.sysname, name.release,
                         name.machine);
    FILE *info = fopen("/proc/cpuinfo", "r");
    for (int found = 0; info && found < 2 && fgets(line, sizeof line, info);) {
        if (strncmp(line, "cpu", 3) && strncmp(line, "revision", 8))
            continue;
        if (used + strlen(line) < room)
            used += snprintf(header->says + used, room - used, "%s", line);
        found++;
    }
    if (info)
        fclose(info);
}

/* With pages of 64 KiB the whole granules are writable; what lies there is a store beside. */
static void look_beside(struct slot *slot)
{
    uint64_t *granules = (uint64_t *)(BORDER - 0x10000), found = 0;
    for (unsigned n = 0; n < 0x20000 / 8; n++)
        found |= granules[n];
    if (found) {
        memset(granules, 0, 0x20000);
        slot->signal |= SPILLED;
    }
}

int main(int argc, char **argv)
{
    struct stat about;
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.cases\n", argv[0]);
        return 2;
    }
    int fd = open(argv[1], O_RDWR);
    if (fd < 0 || fstat(fd, &about))
        return fails(argv[1]);
    char *file = mmap(0, about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED)
        return fails(argv[1]);
    struct file_header *header = (struct file_header *)file;
    struct slot *slots = (struct slot *)(file + HEADER_BYTES);
    if ((size_t)about.st_size < sizeof *header || memcmp(header->magic, RECORDER_MAGIC, 16) ||
        (size_t)about.st_size < HEADER_BYTES + header->count * sizeof *slots) {
        fprintf(stderr, "%s: these are no cases for this program\n", argv[1]);
        return 1;
    }
    introduce(header);
    prepare();
    int wide = sysconf(_SC_PAGESIZE) > 4096;
    if (wide && mprotect((void *)(BORDER - 0x10000), 0x20000, PROT_READ | PROT_WRITE))
        return fails("mprotect");
    if (header->done && header->done < header->count) {
        /* the case that stands there has ended an earlier run */
        slots[header->done].signal = RECORDER_CRASH;
        header->done++;
    }
    for (uint64_t n = header->done; n < header->count; n++) {
        header->done = n;
        run(&slots[n]);
        if (wide && slots[n].flags & USES_MEMORY)
            look_beside(&slots[n]);
    }
    header->done = header->count;
    if (msync(file, about.st_size, MS_SYNC))
        return fails(argv[1]);
    printf("%s: %llu cases recorded\n", argv[1], (unsigned long long)header->count);
    return 0;
}
