"""From guest words to IR: forms and fields, the rows of the instruction set, decoder,
disassembler, translation.
"""
