"""From LLVM text to relocatable objects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm


@functools.cache
def _prepare() -> None:
    """LLVM is ready, once in a process.

    Loops are left as they are: look-ups of the data TLB keep addresses apart, so instead of one
    induction variable LLVM makes many, and has no registers for them (docs/regions.md).
    """
    llvm.set_option("jitppc", "-disable-lsr")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def target_machine(level: int) -> Any:
    """The host's target machine at a code generation level 0..3."""
    _prepare()
    return llvm.Target.from_default_triple().create_target_machine(
        opt=level, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(),
        reloc="static", codemodel="small")   # the arena lies below 2 GiB


def host_signature() -> str:
    """What compiled code depends on: LLVM, the CPU and its features."""
    version = ".".join(map(str, llvm.llvm_version_info))
    return f"llvm {version} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


#: What a region with cycles gets at level 1. LLVM's pipeline of that level takes several times
#: as long, and its code is no faster (docs/regions.md).
SHORT_LIST = ("sroa", "instruction_combine")


#: what is made of a module in the end: emit(target machine, module)
Emit = Callable[[Any, Any], Any]


def to_object(machine: Any, module: Any) -> bytes:
    """A relocatable object."""
    content: bytes = machine.emit_object(module)
    return content


def to_assembly(machine: Any, module: Any) -> str:
    """Assembly text, for people."""
    text: str = machine.emit_assembly(module)
    return text


def compile_function(text: str, level: int, passes: Sequence[str], emit: Emit = to_object) -> Any:
    """As `compile_text`, with nothing but these passes of functions.

    The module is verified, which takes a hundredth of the time: of values that are used where they
    are not defined, LLVM would make anything.
    """
    machine = target_machine(level)
    module = llvm.parse_assembly(text)
    module.verify()
    module.triple = llvm.get_default_triple()
    module.data_layout = str(machine.target_data)
    if passes:
        manager = llvm.create_new_function_pass_manager()
        for name in passes:
            getattr(manager, f"add_{name}_pass")()
        builder = llvm.create_pass_builder(
            machine, llvm.create_pipeline_tuning_options(speed_level=level))
        for function in module.functions:
            if not function.is_declaration:
                manager.run(function, builder)
    return emit(machine, module)


def compile_text(
    text: str, level: int = 1, extra: tuple[str, ...] = (), emit: Emit = to_object
) -> Any:
    """Parse, link in `extra` modules, optimise, emit.

    Raises RuntimeError with LLVM's message on bad text.
    """
    machine = target_machine(level)
    module = llvm.parse_assembly(text)
    for other in extra:
        module.link_in(llvm.parse_assembly(other))
    module.triple = llvm.get_default_triple()
    module.data_layout = str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options))
    return emit(machine, module)
