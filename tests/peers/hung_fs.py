"""A file system whose server is gone: `hung_fs.py FOLDER COMMAND...` mounts it over FOLDER (fuse(4), as root of a mount
namespace), answers nothing, and runs COMMAND."""

import ctypes
import os
import subprocess
import sys

folder, *command = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"hung", folder.encode(), b"fuse.hung", 0, options.encode()) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
# Without this descriptor: the connection is cut when nobody has it any more, and whoever waits for it goes on.
sys.exit(subprocess.run(command, env={}, close_fds=True).returncode)
