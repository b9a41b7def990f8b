"""The pseries machine room: everything a PAPR guest sees around its processors.

`machine` is the composition root; it owns and wires the rest. Reading order: `ports` (what the
runtime room gives), `memory_map`, `fdt` and its siblings (the device tree), `boot` and `of_client`
(how a kernel starts), `hcall`, `rtas`, `xics`, `vio`, then `processor` and `machine`.
"""
