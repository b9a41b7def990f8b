/* Sends commands to a SCSI device through SG_IO and prints what comes back, one line each.
 * scsi_probe DEVICE CDB:IN[:OUT] ...    CDB and OUT in hexadecimal, IN: bytes of room for data.
 * A line: the CDB, status, sense, residual, data. */
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int unhex(const char *text, size_t length, unsigned char *out)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sscanf(text + i, "%2hhx", out + i / 2);
    return length / 2;
}

static void show(const char *name, const unsigned char *data, int count)
{
    printf(" %s=", name);
    for (int i = 0; i < count; i++)
        printf("%02x", data[i]);
}

int main(int argc, char **argv)
{
    static unsigned char in[65536], out[65536], cdb[16], sense[252];
    int fd = open(argv[1], O_RDWR | O_NONBLOCK);
    if (fd < 0)
        fd = open(argv[1], O_RDONLY | O_NONBLOCK);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        char *room = strchr(argv[i], ':');
        char *sent = room ? strchr(room + 1, ':') : NULL;
        sg_io_hdr_t io = {.interface_id = 'S', .timeout = 20000};
        memset(in, 0xa5, sizeof in);
        io.cmdp = cdb;
        io.cmd_len = unhex(argv[i], room - argv[i], cdb);
        io.sbp = sense;
        io.mx_sb_len = sizeof sense;
        io.dxfer_direction = SG_DXFER_NONE;
        if (sent) {
            io.dxfer_direction = SG_DXFER_TO_DEV;
            io.dxfer_len = unhex(sent + 1, strlen(sent + 1), out);
            io.dxferp = out;
        } else if (atoi(room + 1)) {
            io.dxfer_direction = SG_DXFER_FROM_DEV;
            io.dxfer_len = atoi(room + 1);
            io.dxferp = in;
        }
        if (ioctl(fd, SG_IO, &io) < 0) {
            perror("SG_IO");
            return 1;
        }
        show("cdb", cdb, io.cmd_len);
        printf(" status=%02x host=%x resid=%d", io.status, io.host_status, io.resid);
        show("sense", sense, io.sb_len_wr);
        show("data", in, sent ? 0 : (int)io.dxfer_len - io.resid);
        printf("\n");
    }
    return 0;
}
