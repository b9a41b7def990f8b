"""How the machine ends. Ref: LoPAR 7.3.6 (power-off, system-reboot), 7.3.9.1 (ibm,os-term)."""

from jitppc.spapr.guest_buffers import read_or_none
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.rtas.status import Status
from jitppc.spapr.rtas.table import RtasResult, rtas

MAX_REASON = 1024


@rtas(0x03, "power-off", (2, 1))
def power_off(cpu: PaprCpu, mask_hi: int, mask_lo: int) -> RtasResult:
    """The machine stops; the power-on masks name events that this machine has not."""
    cpu.platform.power.power_off()
    return Status.SUCCESS


@rtas(0x04, "system-reboot", (0, 1))
def system_reboot(cpu: PaprCpu) -> RtasResult:
    cpu.platform.power.reboot()
    return Status.SUCCESS


@rtas(0x1F, "ibm,os-term", (1, 1))
def os_term(cpu: PaprCpu, text_gra: int) -> RtasResult:
    """The guest's kernel has given up; its last words are the reason of the stop."""
    n = max(0, min(MAX_REASON, cpu.memory.size - text_gra))
    data = read_or_none(cpu.memory, text_gra, n) or b""
    text = data.split(b"\0")[0].decode("utf-8", "replace")
    cpu.platform.power.panic(" ".join(text.split()) or "the guest gave no reason")
    return Status.SUCCESS


@rtas(0x11, "quiesce", (0, 1))
def quiesce(cpu: PaprCpu) -> RtasResult:
    """VIO devices have no queue and reach no memory: the next kernel starts afresh.

    Ref: reference §3.2.
    """
    cpu.platform.vio.quiesce()
    return Status.SUCCESS
