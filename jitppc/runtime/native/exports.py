"""The native routines as symbols: `rt_*` with C calling convention, and their LLVM IR.

Only this file pays for Numba at run time, and only when the object has to be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding as llvm
from numba import cfunc, types

from jitppc.frontend.routines import ROUTINES

from . import (
    access,
    clock,
    code,
    contexts,
    copy_paste,
    crq_calls,
    exclusive,
    guards,
    hash_resize,
    interrupts,
    lan_buffers,
    lan_receiving,
    lan_sending,
    loop,
    mailbox,
    others,
    reserve,
    segments,
    spin,
    strings,
    system,
    trace,
    virtio_requests,
    virtq,
    vscsi,
    xics,
    xive,
)
from .host import U, address_of, cpu_at, machine_of, shared_of
from .lan_record import lan_at

P, I64, U64 = types.voidptr, types.int64, types.uint64


def _plain(function: Callable[[Any], None]) -> Any:
    def routine(pointer: Any) -> Any:
        function(cpu_at(pointer))
        return U(0)
    return routine


def _with_pointer(function: Callable[[Any, Any], None]) -> Any:
    def routine(pointer: Any) -> Any:
        function(cpu_at(pointer), pointer)
        return U(0)
    return routine


def rt_load(pointer: Any, ea: Any, bits: Any) -> Any:
    return access.load(cpu_at(pointer), ea, bits)


def rt_store(pointer: Any, ea: Any, bits: Any, low: Any, high: Any) -> Any:
    access.store(cpu_at(pointer), ea, bits, low, high)
    return U(0)


def rt_load_reserve(pointer: Any, ea: Any, bits: Any) -> Any:
    return reserve.load_reserve(cpu_at(pointer), ea, bits)


def rt_store_conditional(
    pointer: Any, ea: Any, bits: Any, low: Any, high: Any, far: Any
) -> Any:
    return reserve.store_conditional(cpu_at(pointer), ea, bits, low, high, far)


def rt_pair(cell: Any, index: Any) -> Any:
    return reserve.distance_in_page(address_of(cell), index)


def rt_count_stores(pointer: Any, real: Any, count: Any) -> Any:
    cpu = cpu_at(pointer)
    ram = machine_of(cpu).ram
    guards.count_stores(shared_of(cpu), ram, ram + real, count)
    return U(0)


def rt_zero_block(pointer: Any, ea: Any) -> Any:
    access.zero_block(cpu_at(pointer), ea)
    return U(0)


def rt_touch(pointer: Any, ea: Any, bits: Any) -> Any:
    access.touch(cpu_at(pointer), ea, bits)
    return U(0)


def rt_timebase(pointer: Any) -> Any:
    return clock.timebase(cpu_at(pointer), pointer)


def rt_random(pointer: Any) -> Any:
    cpu = cpu_at(pointer)
    cpu.random_state ^= cpu.random_state << U(13)
    cpu.random_state ^= cpu.random_state >> U(7)
    cpu.random_state ^= cpu.random_state << U(17)
    return cpu.random_state * U(0x2545_F491_4F6C_DD1D)


def rt_hot(pointer: Any, cell: Any) -> Any:
    code.hot(cpu_at(pointer), address_of(cell))
    return U(0)


def rt_raise(pointer: Any) -> Any:
    cpu = cpu_at(pointer)
    interrupts.raise_kind(cpu, cpu.scratch[0], cpu.scratch[1])
    return U(0)


def rt_note_store(pointer: Any, real: Any) -> Any:
    code.forget_page_everywhere(cpu_at(pointer), real)
    return U(0)


def rt_switch_context(pointer: Any) -> Any:
    cpu = cpu_at(pointer)
    exclusive.enter(cpu)
    contexts.refresh(cpu)
    exclusive.leave(cpu)
    return U(0)


def rt_step(pointer: Any) -> Any:
    cpu = cpu_at(pointer)
    exclusive.enter(cpu)
    trace.step(cpu, pointer)
    exclusive.leave(cpu)
    return U(0)


def rt_xive(pointer: Any, what: Any, a: Any, b: Any, c: Any) -> Any:
    address = address_of(pointer)
    answer, hit = xive.ask(address, what, a, b, c)
    xive.xive_at(address).told = hit
    return answer


def rt_take(pointer: Any) -> Any:
    spin.take(address_of(pointer))
    return U(0)


def rt_give(pointer: Any) -> Any:
    spin.give(address_of(pointer))
    return U(0)


def rt_xics(pointer: Any, what: Any, a: Any, b: Any, c: Any) -> Any:
    return xics.ask(address_of(pointer), what, a, b, c)


def rt_resize_hash(pointer: Any) -> Any:
    return hash_resize.resize(cpu_at(pointer))


def rt_lan_receive(pointer: Any) -> Any:
    return lan_receiving.receive(lan_at(address_of(pointer)))


def rt_lan_shut(pointer: Any) -> Any:
    lan_receiving.shut(lan_at(address_of(pointer)))
    return U(0)


def rt_lan_use(pointer: Any, fd: Any) -> Any:
    lan_receiving.use(lan_at(address_of(pointer)), fd)
    return U(0)


def rt_lan_add(pointer: Any, descriptor: Any) -> Any:
    return lan_buffers.add(lan_at(address_of(pointer)), descriptor)


def rt_lan_take(pointer: Any, count: Any) -> Any:
    return lan_buffers.take(lan_at(address_of(pointer)), count)


def rt_lan_send(pointer: Any, descriptors: Any) -> Any:
    return lan_sending.send(lan_at(address_of(pointer)), descriptors)


def rt_crq_put(pointer: Any, high: Any, low: Any) -> Any:
    return crq_calls.send_element(crq_calls.crq_at(address_of(pointer)), high, low)


def rt_box_wait(pointer: Any) -> Any:
    mailbox.wait(address_of(pointer))
    return U(0)


def rt_box_close(pointer: Any) -> Any:
    mailbox.close(address_of(pointer))
    return U(0)


def rt_vscsi_serve(pointer: Any, due: Any) -> Any:
    return vscsi.serve(vscsi.vscsi_at(address_of(pointer)), due)


def rt_virtq_serve(pointer: Any, due: Any) -> Any:
    return virtio_requests.serve(virtq.virtq_at(address_of(pointer)), due)


def routines() -> dict[str, tuple[Any, Any]]:
    """Every routine: symbol -> (signature, Python function)."""
    table = {
        "rt_load": (U64(P, U64, I64), rt_load),
        "rt_store": (U64(P, U64, I64, U64, U64), rt_store),
        "rt_load_reserve": (U64(P, U64, I64), rt_load_reserve),
        "rt_store_conditional": (U64(P, U64, I64, U64, U64, U64), rt_store_conditional),
        "rt_pair": (U64(P, U64), rt_pair),
        "rt_count_stores": (U64(P, U64, U64), rt_count_stores),
        "rt_zero_block": (U64(P, U64), rt_zero_block), "rt_touch": (U64(P, U64, I64), rt_touch),
        "rt_timebase": (U64(P), rt_timebase), "rt_random": (U64(P), rt_random),
        "rt_fetch": (U64(P), _plain(code.fetch)),
        "rt_raise": (U64(P), rt_raise), "rt_hot": (U64(P, P), rt_hot),
        "rt_step": (U64(P), rt_step), "rt_close": (U64(P), _plain(exclusive.close)),
        "rt_reopen": (U64(P), _plain(exclusive.reopen)),
        "rt_install": (U64(P), _plain(loop.install_regions)),
        "rt_run": (U64(P), _with_pointer(loop.run)),
        "rt_switch_context": (U64(P), rt_switch_context),
        "rt_forget_all": (U64(P), _plain(contexts.forget_all)),
        "rt_forget_code": (U64(P), _plain(code.forget_code)),
        "rt_note_store": (U64(P, U64), rt_note_store),
        "rt_resize_hash": (U64(P), rt_resize_hash),
        "rt_lan_receive": (U64(P), rt_lan_receive), "rt_lan_shut": (U64(P), rt_lan_shut),
        "rt_lan_use": (U64(P, I64), rt_lan_use), "rt_lan_add": (U64(P, U64), rt_lan_add),
        "rt_lan_take": (U64(P, U64), rt_lan_take), "rt_lan_send": (U64(P, U64), rt_lan_send),
        "rt_crq_put": (U64(P, U64, U64), rt_crq_put),
        "rt_vscsi_serve": (U64(P, U64), rt_vscsi_serve),
        "rt_virtq_serve": (U64(P, U64), rt_virtq_serve),
        "rt_box_wait": (U64(P), rt_box_wait), "rt_box_close": (U64(P), rt_box_close),
        "rt_xive": (U64(P, U64, U64, U64, U64), rt_xive),
        "rt_xics": (U64(P, U64, U64, U64, U64), rt_xics),
        "rt_take": (U64(P), rt_take), "rt_give": (U64(P), rt_give),
    }
    for name in ROUTINES:
        wrap = _with_pointer if name == "mtdec" else _plain
        room = next(r for r in (strings, copy_paste, segments, system, others) if name in vars(r))
        table[f"rt_{name}"] = (U64(P), wrap(getattr(room, name)))
    return table


def native_ir() -> Iterator[tuple[str, str]]:
    """LLVM IR of each routine: Numba's inner functions, and a symbol of ours that calls them.

    Numba's own C wrapper reports exceptions to Python; our routines raise none, so the wrapper is
    made internal, and LLVM drops it with all its references to the interpreter.
    """
    # Numba insists on linking; the real ones come with the glue
    for name in ("jit_anchor", "jit_enter", "jit_float_mode", "jit_settle", "jit_step"):
        llvm.add_symbol(name, 1)
    for symbol, (signature, function) in routines().items():
        compiled = cfunc(signature, nopython=True)(function)
        module = llvm.parse_assembly(compiled._library.get_llvm_str())
        module.get_function(compiled.native_name).linkage = "internal"
        inner = compiled.native_name.removeprefix("cfunc.")
        kinds = ["ptr" if a == P else "i64" for a in signature.args]
        yield str(module), _entry(symbol, inner, kinds)


def _entry(symbol: str, inner: str, kinds: list[str]) -> str:
    parameters = ", ".join(f"{k} %a{n}" for n, k in enumerate(kinds))
    return f"""declare i32 @{inner}(ptr, ptr, {', '.join(kinds)})
define i64 @{symbol}({parameters}) nounwind {{
 %result = alloca i64
 %error = alloca ptr
 %status = call i32 @{inner}(ptr %result, ptr %error, {parameters})
 %value = load i64, ptr %result
 ret i64 %value
}}
"""
