"""What LLVM must not be given is refused, not compiled to anything."""

import pytest

from jitppc.backend.objects import SHORT_LIST, compile_function

TORN = """define i64 @f(i1 %way, i64 %a) {
 br i1 %way, label %left, label %right
left:
 %x = add i64 %a, 1
 br label %right
right:
 %y = add i64 %x, 2
 ret i64 %y
}
"""


@pytest.mark.parametrize("passes", [(), SHORT_LIST])
def test_a_value_that_is_used_where_it_is_not_defined_is_refused(passes):
    with pytest.raises(RuntimeError, match="does not dominate"):
        compile_function(TORN, 1, passes)
