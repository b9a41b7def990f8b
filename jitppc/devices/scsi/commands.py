"""All commands: importing this module imports every file with @command rows."""

from jitppc.devices.scsi import (  # noqa: F401  (their @command rows fill the table)
    block,
    inquiry,
    mode,
    multimedia,
    primary,
)
