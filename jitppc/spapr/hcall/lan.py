"""The logical LAN. Ref: LoPAR 17.2.2.4 (its hypercalls); reference §2.10, §7.4."""

from jitppc.ir.hcalls import H, Hcall
from jitppc.spapr.hcall.table import HcallResult, hcall
from jitppc.spapr.papr_cpu import PaprCpu
from jitppc.spapr.vio.vlan import Vlan

NO_ATTRIBUTES = 0
"""No checksum or segmentation offload, no trunk adapter."""


def _vlan(cpu: PaprCpu, unit_address: int) -> Vlan | None:
    device = cpu.platform.vio.device(unit_address)
    return device if isinstance(device, Vlan) else None


@hcall(Hcall.H_REGISTER_LOGICAL_LAN)
def h_register_logical_lan(
    cpu: PaprCpu, unit_address: int, buffer_list: int, queue: int, filters: int, mac: int
) -> HcallResult:
    """The adapter is open.

    Args:
        buffer_list, filters: device addresses of a page each.
        queue: descriptor of the receive queue, 16 bytes an entry.
        mac: in the low 48 bits.

    Returns:
        PARAMETER for an unknown unit, or pages and a queue that are not aligned and mapped;
        RESOURCE when it is open.
    """
    vlan = _vlan(cpu, unit_address)
    return H.PARAMETER if vlan is None else vlan.register(buffer_list, queue, filters, mac)


@hcall(Hcall.H_FREE_LOGICAL_LAN)
def h_free_logical_lan(cpu: PaprCpu, unit_address: int) -> HcallResult:
    """The adapter is shut; RESOURCE when it was not open."""
    vlan = _vlan(cpu, unit_address)
    return H.PARAMETER if vlan is None else vlan.free()


@hcall(Hcall.H_ADD_LOGICAL_LAN_BUFFER)
def h_add_logical_lan_buffer(cpu: PaprCpu, unit_address: int, descriptor: int) -> HcallResult:
    """The adapter may put a frame there. RESOURCE when it is shut or holds too many."""
    vlan = _vlan(cpu, unit_address)
    return H.PARAMETER if vlan is None else vlan.add_buffer(descriptor)


@hcall(Hcall.H_FREE_LOGICAL_LAN_BUFFER)
def h_free_logical_lan_buffer(cpu: PaprCpu, unit_address: int, size: int) -> HcallResult:
    """r4 = the handle of a buffer of that size, which the adapter has given up; or NOT_FOUND."""
    vlan = _vlan(cpu, unit_address)
    if vlan is None:
        return H.PARAMETER
    handle = vlan.free_buffer(size)
    return H.NOT_FOUND if handle is None else (H.SUCCESS, handle)


@hcall(Hcall.H_SEND_LOGICAL_LAN, may_block=True)
def h_send_logical_lan(
    cpu: PaprCpu,
    unit_address: int,
    descriptor1: int,
    descriptor2: int,
    descriptor3: int,
    descriptor4: int,
    descriptor5: int,
    descriptor6: int,
    continue_token: int,
) -> HcallResult:
    """A frame in up to six pieces is sent; r4 = 0, there is nothing to go on with.

    Returns:
        HARDWARE for a token that is not 0; DROPPED when the adapter is shut or the host too slow.
    """
    vlan = _vlan(cpu, unit_address)
    if vlan is None:
        return H.PARAMETER
    if continue_token:
        return H.HARDWARE
    pieces = (descriptor1, descriptor2, descriptor3, descriptor4, descriptor5, descriptor6)
    return vlan.send(pieces), 0


@hcall(Hcall.H_MULTICAST_CTRL)
def h_multicast_ctrl(cpu: PaprCpu, unit_address: int, flags: int, mac: int) -> HcallResult:
    """Every multicast frame is received anyway, and r4 = 0 says that no filter is in force."""
    return H.PARAMETER if _vlan(cpu, unit_address) is None else (H.SUCCESS, 0)


@hcall(Hcall.H_CHANGE_LOGICAL_LAN_MAC)
def h_change_logical_lan_mac(cpu: PaprCpu, unit_address: int, mac: int) -> HcallResult:
    vlan = _vlan(cpu, unit_address)
    if vlan is None:
        return H.PARAMETER
    vlan.change_mac(mac)
    return H.SUCCESS


@hcall(Hcall.H_ILLAN_ATTRIBUTES)
def h_illan_attributes(
    cpu: PaprCpu, unit_address: int, reset_mask: int, set_mask: int
) -> HcallResult:
    """r4 = the attributes in force; none can be set. Differs: the reference has no such call."""
    return H.PARAMETER if _vlan(cpu, unit_address) is None else (H.SUCCESS, NO_ATTRIBUTES)
