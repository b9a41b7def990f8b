"""The SSA intermediate representation: types, op table, blocks, builder, verifier, text form,
evaluator, passes.
"""
