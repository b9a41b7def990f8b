"""What hypercalls answer, as r3 has it. Ref: LoPAR 14.5.1 (table of return codes)."""

from __future__ import annotations

from jitppc.ir.hcalls import H

from .host import U

SUCCESS, HARDWARE, PARAMETER, PTEG_FULL, NOT_FOUND, DROPPED, RESOURCE, PRIVILEGE = (
    U(int(code) & (1 << 64) - 1) for code in (
        H.SUCCESS, H.HARDWARE, H.PARAMETER, H.PTEG_FULL, H.NOT_FOUND, H.DROPPED, H.RESOURCE,
        H.PRIVILEGE))
