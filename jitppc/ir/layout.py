"""THE layout of everything native code and Python share. No other file knows an offset.

NumPy, Numba and LLVM all take their view from the dtypes here. All fields are in host byte order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .types import I8, I64, I128, Type

U8, U16, U32, U64 = np.uint8, np.uint16, np.uint32, np.uint64

#: Loads that guard, and granules that are guarded, of one vCPU at a time.
GUARDS = 8

#: One processor. Written by the vCPU's own thread, except the fields named in `SHARED`.
CPU_STATE = np.dtype([
    ("gpr", U64, 32),
    ("zero", U64),              # always 0: what RA|0 reads when RA is 0
    ("msr", U64),
    ("nia", U64),               # where to go on, valid outside native code
    ("cia", U64),               # the instruction that called a slow path
    ("crf", U8, 8),             # CR fields 0..7, four bits each: LT GT EQ SO
    ("so", U8), ("ov", U8), ("ca", U8), ("ov32", U8), ("ca32", U8),  # XER bits, 0 or 1
    ("xer_low", U8),            # XER[57:63], the byte count of string instructions
    ("little", U8),             # MSR[LE]
    ("sixty_four", U8),         # MSR[SF]
    ("ea_mask", U64),           # all ones, or 2**32-1 in 32-bit mode
    ("fpscr", U64),
    ("vscr", U64),
    ("xer_mid", U64),           # the other implemented XER bits (44:56 less OV32, CA32), in place
    ("reserve_ea", U64),        # effective address of the reservation, all ones when there is none
    ("reserve_low", U64), ("reserve_high", U64),   # what was loaded
    ("reserve_bits", U64),      # size of the reserving load
    # where it was, and `icount` then; or LOST or GUARDED instead, see docs/smp.md
    ("reserve_cia", U64), ("reserve_count", np.int64),
    ("vsr", U64, (64, 2)),      # [low, high] doubleword of each VSR; FPR n is vsr[n][1], VR n is vsr[32 + n]
    ("spr", U64, 1024),         # SPRs that are plain storage, by number
    # --- translation of addresses
    ("dtlb", U64),              # host address of the current context's data TLB (TLB_ENTRY)
    ("dtlb_mask", U64),         # (entries - 1) * 32: byte offset mask
    ("itlb", U64),              # host address of the current context's code TLB (CODE_ENTRY)
    ("lpcr", U64),
    ("slb", U64, (64, 2)),      # segment look-aside buffer: [RB with V, RS] as slbmte wrote them
    ("process_table", U64),     # partition-table entry, doubleword 1
    ("context_key", U64),       # what dtlb was chosen for; all ones: choose again
    ("code_key", U64),          # what itlb was chosen for
    ("data_slot", U64), ("code_slot", U64),  # numbers of the chosen tables in MMU_STATE
    ("kernel_runs_user_page", U64),  # the kernel's code table holds a page of quadrant 0: emptied when PIDR changes
    ("mmu", U64),               # host address of the MMU_STATE record
    ("machine", U64),           # host address of the MACHINE_STATE record
    # --- run loop
    ("icount", np.int64),       # instructions left in the slice
    ("slice", np.int64),        # instructions granted to the slice
    ("retired", U64),           # instructions retired in finished slices
    ("retired_limit", U64),     # stop with BUDGET when `retired` reaches it
    ("fault", U64),             # a slow path delivered an interrupt: nia is set
    ("exit_reason", U64),       # why native code returned
    ("exit_detail", U64),
    ("stop_request", U64),      # SHARED: nonzero asks the run loop to return
    ("external", U64),          # SHARED: level of the external interrupt line
    ("system_reset", U64),      # SHARED: a system reset interrupt is pending
    ("doorbell", U64),          # SHARED: directed privileged doorbell exception (DPDES)
    ("dec_deadline", np.int64),  # Time Base value at which the decrementer is 0
    ("dec_pending", U64),       # the decrementer was seen negative
    ("tb_offset", U64),         # guest Time Base minus host clock
    ("clock_is_insns", U64),    # the Time Base counts retired instructions, not host time
    ("timespec", np.int64, 2),  # scratch for clock_gettime
    ("vcpu_id", U64),
    ("pvr", U64),
    ("interrupts", U64, 32),    # statistics: deliveries by vector >> 8 (0x17 for scv)
    ("counters", U64, 32),      # statistics, see `COUNTERS`
    ("scratch", U64, 16),
    ("next_cells", U64),        # results of page look-ups from native helpers
    ("unknown_count", U64),     # executions of words that have no row
    ("unknown_words", U64, 64), # the different ones so far, each reported once
    ("unknown_known", U64),     # how many of them
    ("random_state", U64),
    ("deliveries", U64),        # interrupts delivered so far
    ("step_cells", U64, 16),    # three aligned cells for one instruction at a time
    ("quiet", U64),             # the next slice begins without a look at interrupts (lockstep)
    ("hot_head", U64), ("hot_tail", U64), ("hot_ring", U64),  # ring of hot entries for the translator
    ("seen_head", U64), ("seen_tail", U64), ("seen_ring", U64),  # ring of pages whose cells became active
    ("region_insns", U64),      # instructions retired inside regions
    ("table", U64),             # host address of the handler table
    # what the last floating-point operation in a region leaves for later (ir/ops/floating_ordinary.py); fp_kind is 0
    # outside native code
    ("fp_kind", U64), ("fp_x", U64), ("fp_y", U64), ("fp_z", U64), ("fp_class", U64),
    # --- hashed page table
    ("hash_mode", U64),         # translation goes by segments and the machine's hashed page table
    ("segments_era", U64),      # counts the times when translations of user segments were dropped
    ("user_fills", U64),        # entries for user segments in the kernel's data tables, see user_log
    # --- processor model
    ("models", U64),            # the bit (see MODEL_NAMES) of what privileged state executes
    ("problem_models", U64),    # the same for problem state: another one when PCR says so
    ("prefixed", U64),          # SRR1 bit of the interrupt that a prefixed instruction may be raising, else 0
    # --- several processors, see docs/smp.md
    ("here", U64),              # host address of this record
    ("running", U64),           # SHARED: in native code; who holds the machine exclusively waits until it is 0
    ("waits", U64),             # times this vCPU stood still inside a native routine: what it had looked up is stale
    ("thread", U64),            # number of this thread in its core (TIR)
    ("threads", U64),           # threads of a core
    ("alarm", U64), ("waited_for", U64),    # SHARED: file descriptor that wakes it when idle, and if anyone waits
    # of a guarded reservation: host address of its line's version, and what that was
    ("reserve_line", U64), ("reserve_version", U64),
    ("guarding", U64),          # reserving loads look whether they are to guard their granule
    ("guard_age", U64),         # slices since the last guarded reservation was used
    ("guard_sites", U64, GUARDS), ("guards", U64, GUARDS),  # addresses of loads that guard; granules + 1 guarded
    ("guard_site", U64), ("guard_next", U64),   # which of them are overwritten next
    ("pair_doubts", U64),       # plain pairs that were interrupted since one was not
    ("shoots", U64),            # translations that tlbie has still to drop elsewhere; more than SHOOTS: all
    ("shoot", U64, (32, 3)),    # [PID, effective address, log2 of the size, or 64 for all of the PID]
    # --- performance monitor, see runtime/native/pmu.py
    ("pmu_on", U64),            # its counters may be counting
    ("pmu_insns", U64), ("pmu_ticks", U64),  # where the instructions and the ticks begin that no counter has yet
    ("has_copied", U64), ("copied", U64, 16),   # the buffer of copy and paste
    # --- idling in H_CEDE, see runtime/native/idle.py
    ("prodded", U64),           # SHARED: H_PROD came, and no H_CEDE, H_JOIN or H_CONFER has returned for it yet
    ("waits_for_prod", U64),    # SHARED: in Python, which is to answer H_PROD
    ("shows_hcalls", U64),      # somebody looks at each hypercall: Python answers it
    ("vpa", U64),               # real address of the virtual processor area, or 0
    ("dispatches", U64),        # its dispatch counter: even while running
    ("pollfd", U64), ("nap", np.int64, 2),  # scratch for ppoll
    # --- the kernel's linear map as a window, see runtime/native/linear_map.py
    ("window_wanted", U64),     # regions look at it
    ("window_known", U64),      # bytes that the guest's tree was seen to map so; 0 while not looked at
    ("window_size", U64),       # bytes at which accesses may begin in the current context
    ("window_host", U64),       # host address of effective address 0 (modulo 2**64), as the window maps it
    ("window_misses", U64),     # misses of the data TLB since the window was forgotten
], align=True)

#: Where Linux maps all of real memory, one to one. Ref: arch/powerpc, PAGE_OFFSET.
LINEAR_MAP = 0xC000_0000_0000_0000

#: Most vCPUs of a machine: one bit each in a doubleword.
MAX_VCPUS = 64
SHOOTS = 32
#: Lines of guest memory share versions by their host address; one in each 64 bytes.
RESERVE_STRIPES = 1 << 14
#: Instead of a count: no pair is under way; the reservation is guarded.
LOST, GUARDED = 1 << 62, 1 << 61
#: The field of a cell, and instead of a distance: the load may be in the page before; the pair is not plain.
PAIR, STRADDLES, NOT_PLAIN = "PAIR", 1, 2

COUNTERS = ("dtlb_misses", "itlb_misses", "code_pages", "revived", "decoded",
            "context_switches", "tlbie", "slices", "hot", "flushes", "idle_ns",
            "units", "unit_insns", "unit_flushes", "hash_calls", "exclusive", "shootdowns",
            "vio_calls", "cedes", "xive_accesses", "tce_calls", "xics_calls",
            "guards", "pair_doubts", "grown_tables", "doorbells")
COUNTER = {name: index for index, name in enumerate(COUNTERS)}

#: Data TLB entry: `read_tag`/`write_tag` are the effective address of the 64 KiB granule, or all ones;
#: `host` is the host address of the granule's first byte, `addend` how far that is from its effective address.
TLB_ENTRY = np.dtype([("read_tag", U64), ("write_tag", U64), ("host", U64), ("addend", U64)], align=True)
GRANULE_LOG2 = 16

#: Code TLB entry: effective address of a 4 KiB page, and the host address of its cells. Behind the entries of a table
#: stand those that had to give way to others, found by other bits of the address, so that two pages may share a place.
CODE_ENTRY = np.dtype([("tag", U64), ("cells", U64)], align=True)
CODE_PAGE_LOG2 = 12
ITLB_ENTRIES, SECOND_ENTRIES = 1024, 128
#: byte offset of an address's entry in the code TLB: shifted by this, under this mask
CODE_SHIFT, CODE_MASK = CODE_PAGE_LOG2 - 4, (ITLB_ENTRIES - 1) * CODE_ENTRY.itemsize
#: ... and of its second place, behind all first ones: what CODE_SHIFT leaves, xor that shifted by SECOND_SHIFT,
#: under this mask
SECOND_SHIFT, SECOND_MASK = 10, (SECOND_ENTRIES - 1) * CODE_ENTRY.itemsize
SECOND_START = ITLB_ENTRIES * CODE_ENTRY.itemsize

#: One predecoded instruction of tier 0 (see backend/cells.py for who writes what).
CELL = np.dtype([
    ("entry", U64),             # host code to run: a tier-0 handler, or the head of a region
    ("imm", U64),
    ("slot", U16, 4),
    ("handler", U16),           # number of the tier-0 handler, for side exits of regions; 0 undecoded
    ("heat", U16),              # jumps to this cell until it counts as hot
    ("word", U32),
], align=True)
CELL_BYTES = 32
CELLS_PER_PAGE = 1024           # one more follows: the page-end cell
assert (CELL.itemsize, TLB_ENTRY.itemsize, CODE_ENTRY.itemsize) == (CELL_BYTES, 32, 16)

NO_TAG = (1 << 64) - 1


def offset(field: str, record: np.dtype = CPU_STATE) -> int:
    """Byte offset of a field of a record."""
    assert record.fields is not None
    return int(record.fields[field][1])


@dataclass(frozen=True, slots=True)
class Register:
    """A register, or a file of `count` registers `stride` bytes apart, as IR ops `get` and `set` see it."""

    name: str
    type: Type
    offset: int
    count: int = 1
    stride: int = 0


def _registers() -> dict[str, Register]:
    at = offset
    rows = [
        Register("gpr", I64, at("gpr"), 32, 8),
        Register("crf", I8, at("crf"), 8, 1),
        Register("vsr", I128, at("vsr"), 64, 16),
        Register("vr", I128, at("vsr") + 32 * 16, 32, 16),
        Register("fpr", I64, at("vsr") + 8, 32, 16),
        Register("vsr_high", I64, at("vsr") + 8, 64, 16),
        Register("vsr_low", I64, at("vsr"), 64, 16),
        Register("spr", I64, at("spr"), 1024, 8),
        Register("lr", I64, at("spr") + 8 * 8),
        Register("ctr", I64, at("spr") + 9 * 8),
        Register("vrsave", I64, at("spr") + 256 * 8),
    ]
    rows += [Register(n, I8, at(n)) for n in ("so", "ov", "ca", "ov32", "ca32", "xer_low", "little", "sixty_four")]
    rows += [Register(n, I64, at(n)) for n in (
        "msr", "fpscr", "vscr", "xer_mid", "ea_mask", "reserve_ea", "lpcr", "pvr", "zero", "nia", "dec_deadline",
        "doorbell", "vcpu_id", "thread", "has_copied", "fp_kind", "fp_x", "fp_y", "fp_z", "fp_class")]
    return {row.name: row for row in rows}


REGISTERS = _registers()

#: Processor models, by bit number in sets of models. Prefixes are instructions of their own before these.
MODEL_NAMES = ("power5+", "power6", "power7", "power8", "power9", "power10", "power11")
#: those with transactional memory, which have MSR[TM]
TRANSACTIONAL = 1 << MODEL_NAMES.index("power8") | 1 << MODEL_NAMES.index("power9")
#: those whose segment look-aside buffer has 64 entries; the others have 32
LARGE_SLB = 1 << MODEL_NAMES.index("power5+")
PREFIXING = 1 << MODEL_NAMES.index("power10") | 1 << MODEL_NAMES.index("power11")
#: SRR1 after a prefixed instruction's interrupt, and when it crosses a 64-byte boundary. Ref: Book III 7.5
SRR1_PREFIXED, SRR1_BOUNDARY = 1 << (63 - 34), 1 << (63 - 35)
#: stands for a prefixed instruction that crosses a boundary, where words are decoded
CROSSING = 1 << 63

#: Interrupts an instruction may raise, by book name: (vector, what the value that goes with it is).
INTERRUPTS = {
    "PROGRAM_TRAP": 0x700, "PROGRAM_ILLEGAL": 0x700, "PROGRAM_PRIVILEGED": 0x700, "PROGRAM_FP_ENABLED": 0x700,
    "PROGRAM_TM_BAD": 0x700, "ALIGNMENT": 0x600, "ALIGNMENT_PREFIX": 0x600,
    "FP_UNAVAILABLE": 0x800, "VECTOR_UNAVAILABLE": 0xF20, "VSX_UNAVAILABLE": 0xF40,
    "FACILITY_UNAVAILABLE": 0xF60, "SYSTEM_CALL": 0xC00, "SYSTEM_CALL_VECTORED": 0x3000, "AMO_FUNCTION": 0x300,
}
INTERRUPT_NUMBER = {name: number for number, name in enumerate(INTERRUPTS)}


class MSR:
    """Bits of the Machine State Register (MSB-0 numbers in the book; masks here). Ref: Book III 4.2.1."""

    SF, HV, VEC, VSX, S, EE, PR, FP, ME = (1 << (63 - n) for n in (0, 3, 38, 40, 41, 48, 49, 50, 51))
    FE0, TE, FE1, IR, DR, PMM, RI, LE = (1 << (63 - n) for n in (52, 53, 55, 58, 59, 61, 62, 63))
    TM, TS = 1 << (63 - 31), 3 << (63 - 30)


class LPCR:
    """Bits of the Logical Partitioning Control Register. Ref: Book III 2.2."""

    ILE, UPRT, HR, LD, GTSE = (1 << (63 - n) for n in (38, 41, 43, 46, 53))
    AIL_SHIFT = 63 - 40
    AIL = 3 << AIL_SHIFT


#: What all vCPUs of a machine share.
SHARED_STATE = np.dtype([
    ("exclusive", U64),         # 1 while somebody holds all other vCPUs out of native code
    ("table_lock", U64),        # 1 while an entry goes into the hashed page table
    ("count", U64),             # vCPUs
    ("owners", U64),            # host address of u64[ram_size >> 12]: which vCPUs have active cells of the page
    ("guards", U64),            # host address of u64[ram_size >> 16]: which vCPUs guard the granule
    ("versions", U64),          # host address of u64[RESERVE_STRIPES][8], of lines in guarded granules
    ("cpus", U64, MAX_VCPUS),   # host addresses of their CPU_STATE
    ("vio", U64),               # host address of the first VIO_DEVICE (vio_layout.py), or 0
    ("tces", U64),              # host address of TCE_TABLE[] (tce_layout.py), or 0
    ("doorbells", U64),         # host address of DOORBELL[MAX_DOORBELLS + 1] (virtq_layout.py)
], align=True)

#: A vCPU's view of its machine: RAM and tables that all have, and its own cells, units and rings. Written by the
#: vCPU's thread, or by who holds the machine exclusively.
MACHINE_STATE = np.dtype([
    ("ram", U64),               # host address of guest real 0
    ("ram_size", U64),
    ("code_pages", U64),        # host address of u64[ram_size >> 12]: address of the page's cells, or 0
    ("write_slots", U64),       # host address of u64[ram_size >> 16][2]: TLB entries that may write the granule
    ("pool", U64), ("pool_next", U64), ("pool_end", U64),   # where cells of new pages come from
    ("install_head", U64), ("install_tail", U64), ("install_ring", U64),  # finished regions, see INSTALL
    ("stencils", U64), ("stencil_holes", U64), ("stencil_code", U64), ("stencil_targets", U64),  # tables, or 0
    ("units", U64), ("units_next", U64), ("units_end", U64),  # where units of stencils are made
    # two ranges of real addresses of devices, and the C function that answers for them: of gra, bytes | 256 for a
    # store | number of the vCPU << 32, and value
    ("mmio_start", U64, 2), ("mmio_end", U64, 2), ("mmio_call", U64),
    # host address of the hashed page table, its number of groups - 1, and log2 of the largest page in it
    ("hpt", U64), ("hpt_mask", U64), ("hpt_page_limit", U64),
    ("shared", U64),            # host address of SHARED_STATE
    ("xive", U64), ("xics", U64),  # host addresses of XIVE_STATE and XICS_STATE, or 0
    ("bit", U64),               # this vCPU's in `owners`
], align=True)

#: Per-vCPU tables behind the TLBs: `*_keys` say which context owns which table.
DATA_CONTEXTS, CODE_CONTEXTS = 128, 64
DATA_TABLE_ENTRIES, KERNEL_TABLE_ENTRIES = 1024, 16384
#: Tables as large as the kernel's, for contexts that filled entries so often in the place of others.
SPARE_TABLES, MOST_EVICTIONS = 16, 2048
FILL_LOG = 256
MMU_STATE = np.dtype([
    ("data_keys", U64, DATA_CONTEXTS), ("data_tables", U64, DATA_CONTEXTS), ("data_masks", U64, DATA_CONTEXTS),
    ("code_keys", U64, CODE_CONTEXTS), ("code_tables", U64, CODE_CONTEXTS),
    # which entries were filled since the table was last empty, so that emptying costs what filling did
    ("data_fills", U64, DATA_CONTEXTS), ("data_log", U16, (DATA_CONTEXTS, FILL_LOG)),
    ("code_fills", U64, CODE_CONTEXTS), ("code_log", U16, (CODE_CONTEXTS, FILL_LOG)),
    ("user_log", U64, FILL_LOG),        # host addresses of data TLB entries, with a hashed page table
    ("data_evictions", U64, DATA_CONTEXTS),         # entries that gave way to others since the table was last empty
    ("spare_tables", U64, SPARE_TABLES), ("spare_count", U64),
], align=True)

#: A finished region on its way to its head cell; applied by the run loop if the page is still of `generation`.
#: Without a page: the region is going to be overwritten, and a cell that leads to it goes back to tier 0.
INSTALL = np.dtype([("cell", U64), ("entry", U64), ("page", U64), ("generation", U64)], align=True)
INSTALL_RING = 1024

#: A request to translate: `page` is the PAGE_INFO, `index` the cell's number in the page.
HOT = np.dtype([("page", U64), ("index", U64), ("cia", U64), ("generation", U64)], align=True)
HOT_RING = 1024

#: A page whose cells were made or made active again: its PAGE_INFO, and where it is executed.
SEEN = np.dtype([("page", U64), ("generation", U64), ("ea", U64), ("spare", U64)], align=True)
SEEN_RING = 4096


class PageMode:
    """How the words of a page are executed: byte order, width, and as which processor. A page has cells for one
    mode at a time. Regions are made for the two 64-bit ones, which are named here.
    """

    BIG, NARROW = 1, 2          # big-endian; 32-bit
    RESTRICTED = 4              # problem state is an older processor, as PCR has it
    LE64, BE64 = 0, BIG
    EXECUTION = BIG | NARROW    # all but what PCR says


#: Behind the 1024 cells of a page and the page-end cell.
PAGE_INFO = np.dtype([
    ("host", U64),              # host address of the page's bytes
    ("gra", U64),
    ("active", U64),            # 0 after a store hit the page: its cells are undecoded, stores need no care
    ("generation", U64),        # counts invalidations
    ("mode", U64),              # a PageMode
    ("contents", U64),          # first doubleword of the hash of its bytes, 0 while nobody told (see docs/regions.md)
], align=True)
PAGE_INFO_OFFSET = (CELLS_PER_PAGE + 1) * CELL_BYTES
CELL_PAGE_BYTES = PAGE_INFO_OFFSET + 64

#: A stencil of a handler: its code (offset into all stencils' code, bytes), its holes (number of the
#: first; how many, and 1 << 16 if it goes on at the next stencil). Row 0 is the one between units,
#: row n + 1 that of handler n.
STENCIL = np.dtype([("code", U32), ("size", U32), ("first", U32), ("holes", U32)], align=True)
#: A hole: byte offset in the stencil, kind, slot or number of the target, addend.
HOLE = np.dtype([("at", U16), ("kind", U8), ("which", U8), ("addend", np.int32)], align=True)
#: 32 bits from a slot; from the immediate (32 bits, 64 bits); instructions before this one in the
#: unit; bytes of cells before this one; relative: the next stencil, a symbol.
HOLE_KINDS = ("SLOT", "NARROW", "WIDE", "DONE", "AT", "NEXT", "TARGET")
assert (STENCIL.itemsize, HOLE.itemsize) == (16, 8)
UNIT_LIMIT = 200                # instructions of a unit at most
UNIT_BUFFER = 16 << 20          # bytes for units; used up, all of them are forgotten
UNIT_ROOM = 64 << 10            # more than one unit can need

#: How the host computes while native code runs, as MXCSR has it: nearest even, denormals kept, all
#: exceptions masked and none noted.
FLOAT_MODE = 0x1F80

#: Jumps to a cell before it becomes the head of a unit of stencils,
UNIT_THRESHOLD = 30
#: and until it asks to be translated.
HOT_THRESHOLD = 2000
#: ... and until it asks again, which is how requests are ranked.
HOT_AGAIN = 16_000


class ExitReason:
    """Why native code returned to Python."""

    NONE, HCALL, STOP_REQUESTED, BUDGET, CHECKSTOP, UNKNOWN_WORD = range(6)
