"""Less memory than a model needs: a control group with a limit, and files out of the page cache."""
import os
import subprocess
import time


class Group:
    """A control group (version 1 or 2; needs root) with a limit of bytes, for the time of a `with`."""

    def __init__(self, limit, environment=None):
        version1 = os.path.isdir("/sys/fs/cgroup/memory")
        self.path = "/sys/fs/cgroup/memory/moed-limited" if version1 else "/sys/fs/cgroup/moed-limited"
        self.environment = environment
        os.makedirs(self.path, exist_ok=True)
        self.write("memory.limit_in_bytes" if version1 else "memory.max", limit)
        if not version1:
            self.write("memory.swap.max", 0)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for _ in range(50):
            try:
                return os.rmdir(self.path)
            except OSError:  # the kernel is not done with the last process
                time.sleep(0.1)

    def write(self, name, value):
        with open(f"{self.path}/{name}", "w") as file:
            file.write(str(value))

    def run(self, command, **options):
        return subprocess.run(command, text=True, check=True, env=self.environment,
                              preexec_fn=lambda: self.write("cgroup.procs", os.getpid()), **options)

    def output(self, command):
        return self.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def share(pack, percent):
    """So many percent of a pack's bytes, in whole pages."""
    size = sum(os.path.getsize(os.path.join(pack, name)) for name in os.listdir(pack))
    return size * percent // 100 // 4096 * 4096


def forget(paths):
    """Takes files out of the page cache."""
    for path in paths:
        files = [os.path.join(path, name) for name in os.listdir(path)] if os.path.isdir(path) else [path]
        for name in files:
            descriptor = os.open(name, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
