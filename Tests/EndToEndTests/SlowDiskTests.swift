import Foundation
import MoedCore
import MoedPostgres
import TestSupport
import Testing

/// A disk on which each read of an expert takes a second.
private enum SlowDisk {
    static let obstacle =
        Scene.obstacle ?? (Command.find("clang") == nil ? "clang is not installed" : nil)

    /// C source of a preloaded library that delays reads.
    private static let slowReads = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        ssize_t pread(int file, void *buffer, size_t count, off_t offset) {
            static ssize_t (*original)(int, void *, size_t, off_t);
            if (!original) original = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
            char link[64], name[4096];
            snprintf(link, sizeof link, "/proc/self/fd/%d", file);
            ssize_t length = readlink(link, name, sizeof name - 1);
            name[length > 0 ? length : 0] = 0;
            if (strstr(name, "experts.bin")) usleep(1000000);
            return original(file, buffer, count, offset);
        }
        /* No io_uring, so that all reads come by here. */
        long syscall(long number, ...) {
            static long (*original)(long, ...);
            if (!original) original = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
            if (number == SYS_io_uring_setup) {
                errno = EPERM;
                return -1;
            }
            va_list list;
            va_start(list, number);
            long values[6];
            for (int i = 0; i < 6; i++) values[i] = va_arg(list, long);
            va_end(list);
            return original(number, values[0], values[1], values[2], values[3], values[4], values[5]);
        }
        ssize_t pread64(int file, void *buffer, size_t count, off_t offset) {
            return pread(file, buffer, count, offset);
        }
        """

    /// Builds the library; returns its path for `LD_PRELOAD`.
    static func library(in folder: TemporaryFolder) async throws -> String {
        try folder.write("slow.c", Array(slowReads.utf8))
        let clang = try #require(Command.find("clang"))
        let built = try await Command.run(
            clang, ["-shared", "-fPIC", "-O1", "-o", folder.path("slow.so"), folder.path("slow.c"), "-ldl"])
        try #require(built.status == 0, "\(built.output)")
        return folder.path("slow.so")
    }
}

/// A daemon that reads its experts so slowly that a sweep would take minutes.
@Suite(.enabled(if: SlowDisk.obstacle == nil, Comment(rawValue: SlowDisk.obstacle ?? "")))
struct SlowDiskTests {
    /// The lease is renewed beside the sweep, and SIGTERM does not wait for its end.
    @Test func aLongSweepHoldsUpNeitherLeaseNorStop() async throws {
        let pack = try await SamplePack()
        let scene = try await Scene()
        try await scene.database.run(
            script: """
                INSERT INTO moed.jobs (prompt, max_tokens, params)
                SELECT 'What is ' || i || ' + 17?', 300, '{"ignore_eos": true}' FROM generate_series(1, 4) AS i
                """)
        func arguments(_ budget: String) -> [String] {
            scene.arguments(
                [
                    "engine.slots": "4", "engine.kv_tokens": "4096", "engine.rows_per_sweep": "128",
                    "engine.prefill_chunk": "128", "memory.budget": budget, "shutdown.grace": "1s",
                    "queue.lease": "60s",
                ], model: pack.path)
        }
        let least = try SamplePack.leastBudget(try await MoedProgram.run(arguments("1MB")))
        let daemon = try MoedDaemonProcess(
            arguments(SamplePack.tight(least)),
            environment: ["LD_PRELOAD": try await SlowDisk.library(in: pack.folder)])
        #expect(try await eventually { try await scene.count("state = 'running'") == 4 }, "\(daemon.logText)")
        func lease() async throws -> Double {
            try #require(
                try await scene.database.value(
                    "SELECT extract(epoch FROM max(expires_at))::float8 AS value FROM moed.worker",
                    as: Double.self))
        }
        let first = try await lease()
        // More than a lease later they are still its own.
        #expect(
            try await eventually { try await lease() > first + 62 },
            "\(daemon.logText)")
        #expect(try await scene.count("state = 'running' AND attempt = 1") == 4)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exitCode() == 0, "\(daemon.logText)")
        #expect(try await scene.count("state = 'queued' AND attempt = 0") == 4)
        #expect(try await scene.accountingFaults() == [])
    }
}
