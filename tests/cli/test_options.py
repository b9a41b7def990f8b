"""Laws of the option tables and of the parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitppc import option_values as values
from jitppc.cli.commands import COMMANDS
from jitppc.cli.line import parse
from jitppc.config import HardwareWords, RunConfig, run_config
from jitppc.errors import OptionError
from jitppc.options import NOT_YET, RUN_OPTIONS
from jitppc.topology import Topology
from jitppc.topology import parse as parsed_topology

QEMU_LINE = [
    *"-M pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off "
    "-cpu POWER9 -m 2G -smp 1 -nodefaults -nographic -serial mon:stdio -vga none -display none "
    "-no-reboot -name guest -kernel vmlinux -initrd initrd.gz -append".split(),
    "console=hvc0 quiet",
]


def settings_of(*words):
    return parse(words, RUN_OPTIONS)[0]


def config_of(*words):
    return run_config(settings_of("-kernel", "k", *words))


def complaint(*words):
    with pytest.raises(OptionError) as caught:
        config_of(*words)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_pasted_qemu_line_is_understood_in_silence():
    config = run_config(settings_of(*QEMU_LINE))
    assert ("vmlinux", "initrd.gz") == (str(config.kernel), str(config.initrd))
    assert "console=hvc0 quiet" == config.append
    assert (2 << 30, "power9", ("stdio",), "guest", True) == (
        config.memory,
        config.cpu,
        config.hardware.serials,
        config.name,
        config.no_reboot,
    )
    assert () == config.notes


def test_one_dash_two_dashes_and_equals_mean_the_same():
    assert settings_of("-m", "1G") == settings_of("--m", "1G") == settings_of("--m=1G")


def test_processors_are_those_of_the_machine():
    from jitppc.spapr.cpu_models import CPU_MODELS

    assert set(CPU_MODELS) == set(values.CPUS)


def test_every_option_says_what_it_does_and_has_names_of_its_own():
    for command in COMMANDS:
        names = [name for option in command.all_options for name in option.names]
        assert len(names) == len(set(names))
        if command.name in {"run", "boot"}:  # those that read QEMU's lines
            assert not NOT_YET & set(names)
        for option in command.all_options:
            assert option.says
            assert option.names[0] in command.help() or not option.shown


def test_every_destination_is_a_field_of_the_configuration():
    fields = set(RunConfig.__dataclass_fields__) | {"machine", "accel", "no_code_cache", "objects"}
    fields |= set(HardwareWords.__dataclass_fields__)
    assert {option.dest for option in RUN_OPTIONS if option.dest} <= fields


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("2G", 2 << 30),
        ("2g", 2 << 30),
        ("2048", 2 << 30),
        ("size=1G", 1 << 30),
        ("512M", 512 << 20),
        ("0.5G", 512 << 20),
        ("262144K", 256 << 20),
        ("268435456b", 256 << 20),
        ("1GiB", 1 << 30),
    ],
)
def test_memory_sizes_are_read_as_qemu_reads_them(text, size_bytes):
    assert size_bytes == config_of("-m", text).memory


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-m", "64M"], "-m 64M: too little"),
        (["-m", "0"], "too little"),
        (["-m", "300M"], "blocks of 256 MiB"),
        (["-m", "1000000G"], "more than this host has"),
        (["-m", "lots"], "not a size"),
        (["-m", "-1G"], "not a size"),
        (["-m", "2G,slots=4"], "hotplug"),
        (["-m", "2G,sise=4"], "'sise'; did you mean size?"),
        (["-m"], "-m needs a value: SIZE"),
        (["-kernel", "-initrd"], "-kernel needs a value (FILE), and is followed by -initrd"),
        (["-monitro", "none"], "unknown option -monitro; did you mean -monitor?"),
        (["--untill", "x"], "unknown option --untill; did you mean -until?"),
        (["-qqqqq"], "unknown option -qqqqq; see jitppc --help"),
        (["-incoming", "x"], "-incoming: jitppc does not have this option of QEMU yet"),
        (["-drive", "fiel=x"], "unknown property 'fiel'; did you mean file?"),
        (["-drive", "file=x,if=ide"], "pseries has no IDE"),
        (["-drive", "file=x,cache=wrteback"], "did you mean writeback?"),
        (["-drive", "file=x,werror=stop"], "reported to the guest"),
        (["-blockdev", '{"driver":'], "not JSON"),
        (["-blockdev", "driver=qcow"], "did you mean qcow2?"),
        (["-netdev", "user"], "id= is missing"),
        (["-netdev", "bridge,id=n"], "there are user, tap, stream, socket"),
        (["-nic", "user,tftp=/srv"], "passt has no such server"),
        (["-chardev", "stdio"], "id= is missing"),
        (["-device", "id=x"], "the device model is missing"),
        (["-virtfs", "local,path=/"], "mount_tag= is missing"),
        (["-boot", "order=!"], "letters from a to p"),
        (["-global", "x"], "say MODEL.PROPERTY=VALUE"),
        (["-icount", "1"], "use -clock insns"),
        (["-enable-kvm"], "does not use KVM"),
        (["-accel", "kvm"], "does not use KVM"),
        (["-accel", "tgc"], "did you mean tcg?"),
        (["-monitor", "stdio"], "only `none`"),
        (["-vga", "std"], "no display adapter yet"),
        (["-serial", "tty"], "-serial tty: unknown value 'tty'; did you mean pty?"),
        (["-serial", "telnet:x:1"], "there is no telnet"),
        (["-cpu", "970_v2.2"], "does not have this processor yet; it has power5+"),
        (["-cpu", "POWER5"], "does not have this processor yet"),
        (["-cpu", "powr9"], "did you mean power9?"),
        (["-cpu", "power9,compat=power8"], "'compat=power8' cannot be switched"),
        (["-smp", "65"], "a machine has 1 to 64"),
        (["-smp", "cpus=1,maxcpus=3,cores=2"], "are not 3"),
        (["-smp", "6,threads=3"], "there are 1, 2, 4 or 8"),
        (["-smp", "cpus=2,maxcpus=8,threads=4"], "no cores of 4"),
        (["-smp", "cpu=1"], "did you mean cpus?"),
        (["-smp", "none"], "a number from 1"),
        (["-M", "powernv"], "unknown machine 'powernv'"),
        (["-M", "pseries,cap-xfpc=broken"], "'cap-xfpc'; did you mean cap-cfpc?"),
        (["-M", "pseries,cap-cfpc=brokn"], "did you mean broken?"),
        (["-M", "pseries,cap-htm=on"], "no transactional memory"),
        (["-M", "pseries,usb"], "no USB controller"),
        (["-strategy", "region"], "did you mean regions?"),
        (["-lockstep", "interp"], "two different strategies"),
        (["-lockstep", "interp,interp"], "two different strategies"),
        (["-lockstep", "interp,exact", "-strategy", "interp"], "leave out -strategy"),
        (["-clock", "tsc"], "unknown value 'tsc'"),
        (["-until", "("], "not a regular expression"),
        (["-timeout", "soon"], "not a positive number"),
        (["-timeout", "0"], "not a positive number"),
        (["-timeout", "nan"], "not a positive number"),
        (["-nographic=1"], "takes no value"),
        (["vmlinux"], "'vmlinux' belongs to no option; for a kernel: -kernel FILE"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(words, expected):
    assert expected in complaint(*words)


def test_a_run_without_kernel_says_how_to_give_one():
    with pytest.raises(OptionError, match="give -kernel FILE, or `jitppc boot`"):
        run_config({})


def test_properties_of_several_machine_options_add_up():
    machine = settings_of("-M", "pseries-7.2,cap-htm=off", "-machine", "x-vof=on")["machine"]
    assert {"cap-htm": "off", "x-vof": "on"} == machine


def test_a_property_without_effect_is_said():
    (note,) = config_of("-M", "pseries,cap-cfpc=fixed,x-vof=on").notes
    assert "-M cap-cfpc=fixed changes nothing" in note
    (note,) = config_of("-accel", "tcg").notes
    assert "changes nothing" in note


def test_every_machine_property_has_consistent_values():
    for name, row in values.MACHINE_PROPERTIES.items():
        assert set(row.fulfilled) <= set(row.values), name
        assert set(row.refused_values) <= set(row.values), name


def test_free_text_may_begin_with_a_dash():
    assert "-m" == config_of("-append", "-m").append
    assert "-until" == config_of("-until", "-until").until


@given(words=st.lists(st.text() | st.sampled_from(QEMU_LINE)))
def test_no_line_of_words_ends_in_anything_but_a_configuration_or_one_line(words):
    try:
        message = run_config(settings_of(*words)).name
    except OptionError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


def test_firmware_that_the_guest_runs_needs_no_kernel():
    config = run_config(settings_of("-bios", "slof.bin"))
    assert (str(config.firmware), config.kernel) == ("slof.bin", None)
    assert str(run_config(settings_of("-M", "pseries,x-vof=off")).firmware) == "slof.bin"
    assert config_of("-M", "pseries,x-vof=on").firmware is None
    with pytest.raises(OptionError, match="leave out -bios"):
        config_of("-M", "x-vof=on", "-bios", "slof.bin")


def test_where_the_kernel_is_loaded():
    assert config_of("-M", "pseries,kernel-addr=0x2000000").kernel_gra == 0x2000000
    assert config_of("-M", "pseries,kernel-addr=0").kernel_gra == 0
    assert config_of("-M", "pseries,kernel-addr=0").notes == ()
    assert "whole pages" in complaint("-M", "pseries,kernel-addr=1000")


def test_when_the_clock_starts():
    assert config_of("-rtc", "base=2001-09-09T01:46:40,clock=vm").rtc == {
        "base": 1_000_000_000,
        "clock": "vm",
    }
    assert config_of("-rtc", "base=localtime,driftfix=slew").rtc == {"base": "localtime"}
    for bad in ("base=yesterday", "clock=sun", "speed=2", "driftfix=x"):
        assert "-rtc" in complaint("-rtc", bad)


def test_what_firmware_is_told():
    hardware = config_of("-prom-env", "a=b", "-prom-env", "c=", "-boot", "n,menu=on").hardware
    assert hardware.prom_env == ("a=b", "c=")
    assert dict(hardware.boot) == {"order": "n", "menu": "on"}
    assert "NAME=VALUE" in complaint("-prom-env", "novalue")


@pytest.mark.parametrize(
    ("text", "cpus", "threads", "maxcpus"),
    [
        ("2", 2, 1, 2),
        ("8,threads=4", 8, 4, 8),
        ("cpus=2,maxcpus=8", 2, 1, 8),
        ("sockets=2,cores=2,threads=2", 8, 2, 8),
        ("4,sockets=2", 4, 1, 4),
        ("4,sockets=1,cores=2,threads=2", 4, 2, 4),
        ("4,cores=2", 4, 1, 4),
    ],
)
def test_topologies_follow_from_what_is_given(text, cpus, threads, maxcpus):
    assert Topology(cpus, threads, maxcpus) == parsed_topology(text)
