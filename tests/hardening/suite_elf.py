"""Static-PIE, full RELRO, no executable stack, nothing writable and executable, no RUNPATH, no relocated code."""

import subprocess
import tempfile
import unittest

import measure
from elf import Elf
from suite_qemu import QEMU


class ElfFile(unittest.TestCase):
    def test_the_check_sees_each_weakness(self):
        """Programs built to be weak: what is not found in them would not be found in ours either."""
        source = "int main(void) { return 0; }\n"
        # An address in the code, which the loader would have to write there.
        textrel = '__asm__(".text\\n.globl here\\nhere: .quad here\\n");\n' + source
        for flags, code, weakness in [
            (["-no-pie", "-static"], source, "its address is fixed: no PIE"),
            (["-pie"], source, "not static: wants an interpreter or a library"),
            (["-static-pie", "-Wl,-z,norelro"], source, "no RELRO"),
            (["-pie", "-Wl,-z,lazy"], source, "binds lazily: RELRO is not full"),
            (["-static-pie", "-Wl,-z,execstack"], source, "the stack is executable"),
            (["-no-pie", "-static", "-nostdlib", "-Wl,-N,--no-warn-rwx-segments"], "int data = 1; void _start(void) { data = 2; }\n", "a segment is writable and executable"),
            (["-pie", "-Wl,-rpath,/tmp"], source, "has a RUNPATH"),
            (["-pie", "-Wl,-z,notext"], textrel, "code is relocated"),
        ]:
            with self.subTest(weakness), tempfile.TemporaryDirectory() as folder:
                command = ["gcc", "-w", "-xc", "-", "-o", f"{folder}/weak", *flags]
                subprocess.run(command, input=code, text=True, check=True)
                self.assertIn(weakness, Elf(f"{folder}/weak").weaknesses())


def of(arch, flavour):
    def test(self):
        exe = Elf(measure.build(arch, flavour))
        self.assertEqual(exe.machine, arch)
        self.assertEqual(exe.weaknesses(), [])
        self.assertEqual(exe.symbols(), {}, "not stripped")

    return test


ALL = ["default", "plain", "loopback", "plain-loopback"]
for arch, flavours in {"x86_64": ALL, **{arch: flavours for arch, (_, flavours) in QEMU.items()}}.items():
    for flavour in flavours:
        setattr(ElfFile, f"test_{arch}_{flavour}", of(arch, flavour))
