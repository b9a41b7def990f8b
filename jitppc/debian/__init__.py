"""A Debian system for ppc64el on a disk image, made of Debian's packages.

packages      the host's apt fetches what the system consists of
first_stage   the packages are unpacked into a file system, on the host
second_stage  they are configured inside jitppc, as on any machine
disk          the two in order, kept and taken up again; kernel and initrd of a disk
"""
