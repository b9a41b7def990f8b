"""What each pass achieves, on blocks of a few ops."""

from jitppc.ir.block import Block
from jitppc.ir.builder import Builder
from jitppc.ir.passes import drop_dead_sets, eliminate_dead, fold, forward_state, run_passes


def names(block: Block) -> list[str]:
    """What the ops are; registers with theirs."""
    named = ("get", "set")
    return [f"{v.op.name} {v.attr}" if v.op.name in named else v.op.name for v in block.values]


def test_forwarding_reads_a_register_once():
    b = Builder()
    b.set("gpr", 3, b.add(b.get("gpr", 4), b.get("gpr", 4)))
    b.set("gpr", 5, b.get("gpr", 3))
    assert ["get gpr", "add", "set gpr", "set gpr"] == names(forward_state(b.block))


def test_forwarding_knows_views_of_the_same_bytes():
    b = Builder()
    b.set("lr", b.get("gpr", 0))
    b.set("gpr", 1, b.get("spr", 8))
    b.set("vr", 2, b.get("vsr", 35))
    b.set("gpr", 3, b.get("vsr_low", 34))
    b.set("gpr", 4, b.get("vsr_high", 35))
    expected = "get gpr,set lr,set gpr,get vsr,set vr,lo,set gpr,hi,set gpr".split(",")
    assert expected == names(forward_state(b.block))


def test_forwarding_forgets_a_view_that_was_overwritten():
    b = Builder()
    whole = b.get("vsr", 3)
    b.set("fpr", 3, b.get("gpr", 3))
    b.set("vsr", 4, b.get("vsr", 3))
    b.set("vsr", 5, whole)
    expected = "get vsr,get gpr,set fpr,get vsr,set vsr,set vsr".split(",")
    assert expected == names(forward_state(b.block))


def test_forwarding_drops_a_write_of_what_is_there():
    b = Builder()
    b.set("gpr", 3, b.get("gpr", 3))
    assert ["get gpr"] == names(forward_state(b.block))


def test_an_unknown_index_forgets_the_whole_file():
    b = Builder()
    b.get("gpr", 3)
    b.set("gpr", b.field("RT", 5, 21), b.const(0))
    b.get("gpr", 3)
    b.get("lr")
    b.get("lr")
    assert ["get gpr", "field", "set gpr", "get gpr", "get lr"] == names(forward_state(b.block))


def test_a_conditional_store_forgets_the_reservation_alone():
    b = Builder()
    b.set("reserve_ea", 5)
    b.get("gpr", 3)
    b.store_conditional(64, b.get("gpr", 3), b.get("reserve_ea"))
    b.get("reserve_ea")
    b.get("gpr", 3)
    expected = ["set reserve_ea", "get gpr", "store_conditional", "get reserve_ea"]
    assert expected == [n for n in names(forward_state(b.block)) if n != "bswap"]


def test_a_write_is_dead_when_overwritten_before_anything_can_look():
    b = Builder()
    b.set("so", 0)
    b.set("so", 1)
    assert ["set so"] == names(drop_dead_sets(b.block))


def test_a_write_before_a_load_is_seen():
    b = Builder()
    b.set("so", 0)
    b.load(64, b.get("gpr", 3))
    b.set("so", 1)
    assert 2 == names(drop_dead_sets(b.block)).count("set so")


def test_two_halves_overwrite_a_whole_vector():
    b = Builder()
    b.set("vsr", 40, b.get("vsr", 1))
    b.set("vsr_low", 40, b.get("gpr", 1))
    b.set("vsr_high", 40, b.get("gpr", 1))
    assert "set vsr" not in names(drop_dead_sets(b.block))
    b = Builder()
    b.set("vsr", 3, b.get("vsr", 1))
    b.set("fpr", 3, b.get("gpr", 1))
    assert "set vsr" in names(drop_dead_sets(b.block))


def test_dead_values_go_with_the_operands_only_they_used():
    b = Builder()
    b.mul(b.add(b.get("gpr", 3), 1), b.get("gpr", 4))
    b.load(8, b.get("gpr", 5))
    assert ["get gpr", "load"] == names(eliminate_dead(b.block))


def test_folding_makes_an_expression_once_in_either_order():
    b = Builder()
    x, y = b.get("gpr", 3), b.get("gpr", 4)
    b.set("gpr", 5, b.xor(b.add(x, y), b.add(y, x)))
    assert ["get gpr", "get gpr", "add", "set gpr"] == names(fold(b.block))


def test_folding_runs_constants_through():
    b = Builder()
    b.set("gpr", 3, 5)
    b.set("gpr", 4, b.add(b.get("gpr", 3), 7))
    after = run_passes(b.block)
    assert ["set gpr", "set gpr"] == names(after)
    assert 12 == after.values[1].args[1].constant


def test_a_check_that_passed_is_not_made_again():
    b = Builder()
    for target in (1, 2):
        b.require("FP")
        b.set("fpr", target, b.get("fpr", 3))
    assert 1 == names(run_passes(b.block)).count("interrupt_if")


def test_starts_follow_the_ops_they_point_at():
    b = Builder()
    for number in range(3):
        b.block.starts.append((len(b.block.values), 4 * number))
        b.set("so", number & 1)
        b.mul(b.get("gpr", 3), 3)
    after = run_passes(b.block)
    assert ["set so"] == names(after)
    assert [(0, 0), (0, 4), (0, 8)] == after.starts
