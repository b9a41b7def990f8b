"""Calls of an interrupt controller are refused while the guest uses the other one."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from jitppc.spapr.papr_cpu import PaprCpu

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Call = Callable[Concatenate[PaprCpu, Arguments], Result]


def while_xive_is(
    is_used: bool, refusal: Result
) -> Callable[[Call[Arguments, Result]], Call[Arguments, Result]]:
    """The decorated hypercall or RTAS call answers `refusal` unless XIVE is (not) in use."""

    def decorate(call: Call[Arguments, Result]) -> Call[Arguments, Result]:
        @functools.wraps(call)
        def answer(cpu: PaprCpu, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return call(cpu, *args, **kwargs) if cpu.interrupts.is_xive is is_used else refusal

        return answer

    return decorate
