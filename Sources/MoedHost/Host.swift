import Glibc

/// The process and its machine.
package enum Host {
    package static var environment: [String: String] {
        var result: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") {
                result[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
            }
            unsafe entry += 1
        }
        return result
    }

    package static var name: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package static var processID: Int32 { getpid() }

    package static var isRoot: Bool { geteuid() == 0 }

    package static func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Number of physical cores that this process may run on. Hyper-threads share the units that matrix work needs.
    package static var physicalCores: Int {
        var cores: Set<String> = []
        for cpu in allowedCPUs {
            let siblings = "/sys/devices/system/cpu/cpu\(cpu)/topology/thread_siblings_list"
            // Without the file each logical CPU counts as a core.
            let bytes = (try? WholeFile.read(siblings, bytesMax: 4096)) ?? Array("\(cpu)".utf8)
            cores.insert(String(decoding: bytes, as: UTF8.self))
        }
        return max(1, cores.count)
    }

    /// Logical CPUs that this process may run on, from /proc/self/status, e.g. "Cpus_allowed_list: 0-3,8".
    private static var allowedCPUs: [Int] {
        let all = Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        guard let status = try? WholeFile.read("/proc/self/status", bytesMax: 1 << 16) else { return all }
        let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("Cpus_allowed_list:") }) else { return all }
        return line.dropFirst("Cpus_allowed_list:".count).split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.filter(\.isNumber)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    package static func printError(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Name, release and architecture of the kernel.
    package static var systemName: String {
        var name = utsname()
        guard unsafe uname(&name) == 0 else { return "unknown" }
        func text<T>(_ field: T) -> String {
            unsafe withUnsafeBytes(of: field) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(name.sysname)) \(text(name.release)) \(text(name.machine))"
    }

    /// Sends what was printed on, also where standard output is a file or a pipe.
    package static func flushOutput() { _ = fflush(nil) }

    /// Replaces the terminal's current line.
    package static func printErrorInPlace(_ text: String) {
        let bytes = Array("\r\u{1B}[K\(text)".utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    /// True when an error means that the reader of the output has closed the pipe.
    package static func isBrokenPipe(_ error: any Error) -> Bool {
        (error as? WholeFile.Failure)?.errno == EPIPE
    }

    /// Ends the process at once on SIGTERM and SIGINT: before the services run no cleanup is needed.
    ///
    /// Without a handler the first process of a container ignores these signals. The service group installs its own
    /// handlers later.
    ///
    /// - Parameter isInterruption: true exits with 128 + the signal's number, false with 0.
    package static func leaveAtOnceWhenStopped(isInterruption: Bool) {
        for number in [SIGTERM, SIGINT] {
            if isInterruption { signal(number) { _exit(128 + $0) } } else { signal(number) { _ in _exit(0) } }
        }
    }

    /// Ignores SIGHUP until a service handles it: a hang-up or a request to reload does not end the process.
    package static func ignoreHangUps() { signal(SIGHUP, SIG_IGN) }

    /// Ignores SIGPIPE: a write to a closed pipe or socket returns an error and does not end the process.
    package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
