"""The external interrupt virtualization engine, as a partition sees it.

A source's event becomes a word in a queue in guest memory and a priority pending at a virtual
processor. Events, and loads and stores of the pages, are native (`jitppc.runtime.native.xive`);
`controller` is what devices, hypercalls and the machine do with them. Ref: reference §6.2.
"""
