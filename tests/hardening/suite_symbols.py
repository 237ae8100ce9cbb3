"""Nothing that starts a process is linked in, and who calls what the small build answers in the C library's place."""

import re
import subprocess
import tempfile
import unittest

import measure
from elf import Elf

# The C library's names, with and without its underscores. (Threads come from `clone`, which is not one of them.)
STARTS = re.compile(r"_*(f?exec(l|le|lp|v|ve|vp|vpe|veat)|v?[fF]ork|forkpty|posix_spawnp?|system|popen|wordexp)")


def starts(path):
    """The symbols of the file that start processes."""
    names = Elf(path).symbols()
    assert len(names) > 500, f"{path} has {len(names)} symbols: stripped?"
    return sorted(name for name in names if STARTS.fullmatch(name))


class Symbols(unittest.TestCase):
    def parts_of_ring(self, names):
        """Instead of them ring/ is linked: one SHA-2 by all of its names, and nothing that only AES's other roads lead to."""
        for bits in ("256", "512"):
            kinds = {name: at for name, at in names.items() if name.endswith(("_hw", "_nohw")) and f"sha{bits}_block_data_order" in name}
            self.assertEqual((len(kinds), len(set(kinds.values()))), (2, 1), f"{kinds}: the names in ring/src have another version of ring's")
        self.assertEqual([name for name in names if re.match(r"_vpaes_|_aesni_ctr32_ghash", name)], [])

    def test_the_check_sees_a_program_that_starts_another(self):
        code = 'fn main() { let _ = std::process::Command::new("true").status(); }\n'
        toolchain = re.search(r"^toolchain=(.*)$", (measure.ROOT / "scripts/build-small").read_text(), re.M)[1]
        with tempfile.TemporaryDirectory() as folder:
            for target in ("x86_64", "aarch64"):
                built = f"{folder}/{target}"
                command = ["rustc", f"+{toolchain}", "--edition", "2024", "--target", f"{target}-unknown-linux-musl", "-Copt-level=z", "-Clto",
                           "-Cpanic=abort", "-Clinker=rust-lld", "-o", built, "-"]  # fmt: skip
                subprocess.run(command, input=code, text=True, check=True)
                found = starts(built)
                self.assertIn("execvp", found)
                self.assertTrue({"posix_spawnp", "fork", "_Fork"} & set(found), found)


    def test_the_check_sees_who_calls_a_function(self):
        code = "int poll(); int calm(void) { return 1; } int eager(void) { return poll() + 1; }\n"
        with tempfile.TemporaryDirectory() as folder:
            command = ["gcc", "-ffunction-sections", "-fPIC", "-xc", "-c", "-o", f"{folder}/o", "-"]
            subprocess.run(command, input=code, text=True, check=True)
            self.assertEqual(Elf(f"{folder}/o").references()["poll"], {".text.eager"})


# What scripts/build-small binds to another function, or alloc/src/system.rs answers, and the only functions that may call it:
# before main, the look at the standard streams and the size of a page, which nobody reads; getrandom's, for a kernel without
# that call, which is a true poll; a thread's name; the size of a page where the size of a stack is refused.
CALLERS = {
    "poll": r"\.text\.main|\.text\..*9getrandom.*",
    "sysconf": r"\.text\.main|\.text\..*3std.*2os9page_size",
    "pthread_setname_np": r"\.text\..*3std.*6thread.*12thread_start",
}


def of(arch, flavour):
    def test(self):
        command = [measure.ROOT / "scripts/build-small", "--symbols", arch, flavour]
        exe = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.assertEqual(starts(exe), [])
        references = Elf(f"{exe}.o").references()
        for name, callers in CALLERS.items():
            found = references[name]
            self.assertTrue(found)
            self.assertEqual([caller for caller in found if not re.fullmatch(callers, caller)], [], name)
        # musl's allocator is not there, and nothing that unwinds.
        names = Elf(exe).symbols()
        self.assertIn("malloc", names)
        self.assertEqual([name for name in names if re.match(r"__malloc_|__libc_malloc_impl|_Unwind_", name)], [])
        # Nor std's searching for a text in another, and its comparing of paths, which src/text.rs has less for: 6 KB.
        self.assertEqual([name for name in names if re.search(r"11StrSearcher|4pathNt.*10Components", name)], [])
        if not flavour.startswith("plain"):
            self.parts_of_ring(names)

    return test


for arch in ("x86_64", "aarch64"):
    for flavour in ("default", "plain", "loopback", "plain-loopback"):
        setattr(Symbols, f"test_{arch}_{flavour}_starts_nothing", of(arch, flavour))
