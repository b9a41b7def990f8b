"""The external interrupt virtualization engine, as a partition sees it.

A source's event becomes a word in a queue in guest memory and a priority pending at a virtual
processor: `event_state` (two bits of a source), `event_queue`, `thread_context` (what is pending),
`controller` (all of them), `pages` (loads and stores of the guest). Ref: reference §6.2.
"""
