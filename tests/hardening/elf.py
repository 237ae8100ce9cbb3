"""As much of an ELF file as is needed to judge how hard it is to abuse (elf(5), the gABI)."""

import struct
from pathlib import Path

ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_NEEDED, DT_RPATH, DT_TEXTREL, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 1, 15, 22, 24, 29, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 4, 8, 1, 0x08000000
SHT_SYMTAB, SHT_RELA = 2, 4
MACHINES = {3: "i686", 21: "ppc64le", 22: "s390x", 40: "armv7", 62: "x86_64", 183: "aarch64", 243: "riscv64"}


class Elf:
    """The headers of one file."""

    def __init__(self, path):
        self.bytes = Path(path).read_bytes()
        if self.bytes[:4] != b"\x7fELF" or self.bytes[4] not in (1, 2) or self.bytes[5] not in (1, 2):
            raise ValueError(f"{path}: no ELF file")
        # The byte order; addresses of 32 or 64 bits.
        self.order, self.word = "<>"[self.bytes[5] - 1], "IQ"[self.bytes[4] - 1]
        head = self.unpack(f"HHI{self.word * 3}IHHHHHH", 16)
        self.type, machine, phoff, self.shoff, phentsize, phnum, self.shentsize, self.shnum, self.shstrndx = head[0], head[1], head[4], head[5], *head[8:13]
        self.machine = MACHINES.get(machine, machine)
        # type, flags, offset, vaddr, paddr, filesz, memsz, align
        raw = [self.unpack("IIQQQQQQ" if self.word == "Q" else "IIIIIIII", phoff + i * phentsize) for i in range(phnum)]
        self.segments = [one if self.word == "Q" else (one[0], one[6], *one[1:6], one[7]) for one in raw]

    def unpack(self, layout, at):
        return struct.unpack_from(self.order + layout, self.bytes, at)

    def of(self, kind):
        return [segment for segment in self.segments if segment[0] == kind]

    def dynamic(self):
        """The dynamic section: tag to value."""
        found = {}
        for _, _, offset, _, _, size, *_ in self.of(PT_DYNAMIC):
            for tag, value in struct.iter_unpack(self.order + self.word * 2, self.bytes[offset : offset + size]):
                if tag == 0:
                    break
                found[tag] = value
        return found

    def sections(self):
        """name, type, flags, address, offset, size, link, info, alignment, size of an entry"""
        return [self.unpack("II{0}{0}{0}{0}II{0}{0}".format(self.word), self.shoff + i * self.shentsize) for i in range(self.shnum)]

    def references(self):
        """Of a 64-bit little-endian object, the sections that name each symbol: a function's, where each has its own."""
        sections = self.sections()
        text = lambda table, at: self.bytes[table[4] + at : self.bytes.index(0, table[4] + at)].decode()  # noqa: E731
        found = {}
        for _, kind, _, _, offset, size, link, info, *_ in sections:
            if kind != SHT_RELA:
                continue
            symbols = sections[link]
            name = text(sections[self.shstrndx], sections[info][0])
            for _, which, _ in struct.iter_unpack("<QQq", self.bytes[offset : offset + size]):
                (symbol,) = struct.unpack_from("<I", self.bytes, symbols[4] + (which >> 32) * 24)
                found.setdefault(text(sections[symbols[6]], symbol), set()).add(name)
        return found

    def symbols(self):
        """All symbols defined in the file, by their names, and where they are; none when it is stripped."""
        sections = self.sections()
        found = {}
        for _, kind, _, _, offset, size, link, *_ in sections:
            if kind != SHT_SYMTAB:
                continue
            strings = self.bytes[sections[link][4] : sections[link][4] + sections[link][5]]
            layout, section_at, value_at = ("IBBHQQ", 3, 4) if self.word == "Q" else ("IIIBBH", 5, 1)
            for name, *rest in struct.iter_unpack(self.order + layout, self.bytes[offset : offset + size]):
                if rest[section_at - 1] != 0:
                    found[strings[name : strings.index(0, name)].decode()] = rest[value_at - 1]
        return found

    def weaknesses(self):
        """What is not as it should be, in words."""
        dynamic = self.dynamic()
        flags, flags_1 = dynamic.get(DT_FLAGS, 0), dynamic.get(DT_FLAGS_1, 0)
        found = []
        if self.type != ET_DYN or not flags_1 & DF_1_PIE:
            found.append("its address is fixed: no PIE")
        if self.of(PT_INTERP) or DT_NEEDED in dynamic:
            found.append("not static: wants an interpreter or a library")
        if not self.of(PT_GNU_RELRO):
            found.append("no RELRO")
        if not (DT_BIND_NOW in dynamic or flags & DF_BIND_NOW or flags_1 & DF_1_NOW):
            found.append("binds lazily: RELRO is not full")
        if not self.of(PT_GNU_STACK) or any(flags & PF_X for _, flags, *_ in self.of(PT_GNU_STACK)):
            found.append("the stack is executable")
        if any(flags & PF_W and flags & PF_X for _, flags, *_ in self.of(PT_LOAD)):
            found.append("a segment is writable and executable")
        if DT_RPATH in dynamic or DT_RUNPATH in dynamic:
            found.append("has a RUNPATH")
        if DT_TEXTREL in dynamic or flags & DF_TEXTREL:
            found.append("code is relocated")
        return found
